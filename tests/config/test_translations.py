"""Russian is complete, natural in its plurals, and compiled."""

import re

import pytest
from django.utils.translation import ngettext, override

from config import catalogue

# Of a Liquid variable only its name: the text of a default is translated.
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|\{\{ *[\w.]+|\{%[^%]*%\}")


def test_every_string_has_a_russian_translation():
    assert catalogue.problems("ru") == []


def test_translations_keep_the_placeholders():
    wrong = []
    for message in catalogue.stored("ru"):
        if not message.id:
            continue
        singular, *plural = message.id if isinstance(message.id, tuple) else (message.id,)
        wanted = set(_PLACEHOLDER.findall(plural[0] if plural else singular))
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        wrong += [(message.id, text) for text in strings if set(_PLACEHOLDER.findall(text)) != wanted]
    assert wrong == []


@pytest.mark.parametrize(("n", "words"), [(1, "1 день"), (2, "2 дня"), (5, "5 дней"), (21, "21 день")])
def test_plurals_follow_russian_grammar(n, words):
    with override("ru"):
        assert ngettext("%(n)d day", "%(n)d days", n) % {"n": n} == words
