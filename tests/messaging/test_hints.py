"""Hints about what looks like spam: each for its own reason, none for a decent message."""

import pytest

from messaging.services.hints import hints
from messaging.services.wordings import Said

DECENT = Said("Your bonuses burn soon", "Hello Anna! Unsubscribe: https://shop.example/u/x", "")


def test_a_decent_message_gets_none():
    assert hints("email", "marketing", DECENT, 0) == []
    assert hints("sms", "marketing", Said("", "Hello Anna", ""), 1) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (DECENT._replace(subject="BUY OUR BEST TEA"), "CAPITALS"),
        (DECENT._replace(subject="КУПИТЕ ЧАЙ СЕГОДНЯ"), "CAPITALS"),
        (DECENT._replace(subject="Tea!!!"), "exclamation"),
        (DECENT._replace(subject="You are a winner"), "spam filters"),
        (DECENT._replace(subject="x" * 61), "61 characters"),
        (DECENT._replace(subject=" "), "empty"),
        (DECENT._replace(body="Hello"), "unsubscribe"),
        (DECENT._replace(html='<img src="https://s.example/a.png" alt="a">'), "a picture"),
        (
            DECENT._replace(html="<p>one two three four five six seven eight nine ten</p><img src='x'>"),
            "no description",
        ),
        (DECENT._replace(html="<p>" + "x" * 100_001), "cuts its end off"),
        (DECENT._replace(html="<form></form>"), "forms"),
        (DECENT._replace(body="https://bit.ly/x unsubscribe"), "shortening"),
        (DECENT._replace(body="http://10.1.2.3/x unsubscribe"), "bare number"),
    ],
)
def test_each_trait_of_spam_is_named(said, words):
    found = hints("email", "marketing", said, 0)
    assert [hint for hint in found if words in hint]


def test_what_is_owed_needs_no_way_to_unsubscribe():
    assert hints("email", "service", DECENT._replace(body="Your receipt"), 0) == []


def test_a_long_sms_is_told_by_its_parts():
    assert "3 parts" in hints("sms", "marketing", Said("", "x" * 400, ""), 3)[0]


def test_our_own_address_is_no_bare_number_even_on_a_trial_at_home(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    said = DECENT._replace(body="http://127.0.0.1:8000/u/abc unsubscribe")
    assert hints("email", "marketing", said, 0) == []
