"""A JSON document whose strings are Liquid: the body of a call.

The document is parsed before anything is put into it, so no value of a client can change its shape. A string that is
one expression through the filter `json` gives a number, a list or an object: "{{ cart.lines | json }}".
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from messaging.services import render
from messaging.services.manner import Manner

MAX_BODY = 256_000  # characters of a rendered body
_WHOLE = re.compile(r"\s*\{\{[^{}]*\|\s*json\s*\}\}\s*")


def parsed(source: str) -> Any:
    """The document. Raises ValueError where it is no JSON."""
    try:
        return json.loads(source)
    except RecursionError:
        raise ValueError("too deep") from None


def strings(document: Any) -> Iterator[str]:
    """Every string of the document but names."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from strings(value)
    elif isinstance(document, list):
        for value in document:
            yield from strings(value)


@lru_cache(maxsize=500)
def names(source: str) -> frozenset[str]:
    """The top-level variables that the document reads."""
    return frozenset[str]().union(*(render.compiled(text).names for text in strings(parsed(source))))


def fill(source: str, values: Mapping[str, object], manner: Manner | None = None) -> str:
    """The body for one client. Raises RenderError."""
    body = json.dumps(_filled(parsed(source), values, manner), ensure_ascii=False, separators=(",", ":"))
    if len(body) > MAX_BODY:
        raise render.RenderError(f"longer than {MAX_BODY} characters")
    return body


def _filled(document: Any, values: Mapping[str, object], manner: Manner | None) -> Any:
    if isinstance(document, dict):
        return {name: _filled(value, values, manner) for name, value in document.items()}
    if isinstance(document, list):
        return [_filled(value, values, manner) for value in document]
    if not isinstance(document, str):
        return document
    said = render.compiled(document).render(values, manner)
    return json.loads(said) if _WHOLE.fullmatch(document) else said
