"""What the templates of the map ask of its parts."""

import re
from collections.abc import Mapping

from django import template
from django.db import models
from django.urls import reverse

from messaging.services.palette import VARIABLES

register = template.Library()

_VARIABLE = re.compile(r"{{\s*([\w.]+)[^}]*}}")
_TAG = re.compile(r"{%[^%]*%}")
_CUT = re.compile(r"{[{%][^}]*$")
_LABELS = {found.group(1): variable.label for variable in VARIABLES if (found := _VARIABLE.search(variable.code))}


@register.filter
def readable(sentence: object) -> str:
    """A sentence with the variables of a message's text by their names: ‹First name›."""
    named = _VARIABLE.sub(lambda found: f"‹{_LABELS.get(found.group(1), found.group(1))}›", str(sentence))
    return _CUT.sub("…", _TAG.sub("", named))


@register.filter
def part_url(part: models.Model) -> str:
    """The address of a part's own form in the drawer."""
    options = type(part)._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[part.pk]) + "?_popup=1"


@register.filter
def type_label(part: models.Model) -> str:
    """What this kind of part is called."""
    return str(type(part)._meta.verbose_name)


@register.filter
def of(mapping: Mapping[str, int], key: str) -> int:
    """The value under a key; 0 where there is none."""
    return mapping.get(key, 0)
