"""Documents of shops as tables for people."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

DEPTH = 6  # deeper parts are left out: shops nest little


def pairs(document: Any, depth: int = DEPTH) -> list[tuple[str, Any, bool]]:
    """A document as rows of (name, value, whether the value is rows itself), with what is empty left out."""
    if isinstance(document, dict):
        items = [(str(key), value) for key, value in document.items()]
    else:
        items = [(str(number), value) for number, value in enumerate(document[:50], 1)]
    return [_row(name, value, depth - 1) for name, value in items if value not in (None, "", [], {})]


def _row(name: str, value: Any, depth: int) -> tuple[str, Any, bool]:
    if not isinstance(value, dict | list):
        return name, value, False
    return (name, pairs(value, depth), True) if depth else (name, "…", False)


def pairs_table(document: Any) -> SafeString | str:
    """A document as a nested table."""
    shown = pairs(document or {})
    return render_to_string("loyalty/pairs.html", {"pairs": shown}) if shown else "—"
