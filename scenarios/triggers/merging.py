"""Several events that start one entry: what the entry knows of them. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

# More than a text would ever list.
MAX_ITEMS = 50
# What is summed up over the events, where each of them says it as a number.
SUMMED = ("amount", "total")


def merged(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The entry's own properties for templates (`entry.count`, `entry.items`), in the order of the events.

    The newest event gives what is said of one event; `amount` and `total` are sums, `lines` are put together.
    """
    if not payloads:
        return {}
    entry = dict(payloads[-1])
    for name in SUMMED:
        if (total := _sum([payload.get(name) for payload in payloads])) is not None:
            entry[name] = total
    if any("lines" in payload for payload in payloads):
        entry["lines"] = [line for payload in payloads for line in payload.get("lines") or ()][:MAX_ITEMS]
    return entry | {"count": len(payloads), "items": [dict(payload) for payload in payloads[:MAX_ITEMS]]}


def _sum(values: Sequence[Any]) -> Any:
    """Whole numbers stay whole, decimal text stays decimal text; None where one of them is neither."""
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return sum(values)
    try:
        return f"{sum((Decimal(value) for value in values), Decimal()):f}" if _all_text(values) else None
    except InvalidOperation:
        return None


def _all_text(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
