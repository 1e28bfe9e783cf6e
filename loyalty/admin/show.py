"""Documents of shops as tables for people."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

DEPTH = 6  # deeper parts are left out: shops nest little


def pairs(document: Any, depth: int = DEPTH) -> Any:
    """A document as nested lists of (name, value), with what is empty left out."""
    if depth == 0:
        return "…"
    if isinstance(document, dict):
        return [(str(key), pairs(value, depth - 1)) for key, value in document.items() if value not in (None, "", [])]
    if isinstance(document, list):
        return [(str(number), pairs(value, depth - 1)) for number, value in enumerate(document[:50], 1)]
    return document


def pairs_table(document: Any) -> SafeString | str:
    """A document as a nested table."""
    shown = pairs(document)
    return render_to_string("loyalty/pairs.html", {"pairs": shown}) if shown else "—"
