"""What a purchase was counted from, as it is kept with the purchase (`Purchase.terms`) and read back.

A refund a month later counts by these, whatever became of the rules, the level and the order's lines since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from loyalty.services.accrual import Accrual, Rule, Standing, Terms
from loyalty.services.basket import Item


@dataclass(frozen=True, slots=True)
class Kept:
    """The terms of a purchase: money of its lines in minor units, and which rules applied to which lines."""

    items: tuple[Item, ...]
    bases: tuple[Decimal, ...]
    fits: tuple[tuple[Rule, tuple[int, ...]], ...]
    level: Standing | None
    terms: Terms


def dump(items: Sequence[Item], accrual: Accrual, level: Standing | None, terms: Terms) -> dict[str, Any]:
    """The terms as a JSON document."""
    return {
        "scale": terms.scale,
        "digits": terms.digits,
        "rounding": terms.rounding,
        "level": {"id": level.id, "name": level.name, "percent": str(level.percent)} if level else None,
        "lines": [
            {
                "title": item.title,
                "external_id": item.external_id,
                "total": item.total,
                "spent": spent,
                "bonuses": line.bonuses,
            }
            for item, spent, line in zip(items, accrual.spent, accrual.lines, strict=True)
        ],
        "rules": [
            {
                "id": rule.id,
                "name": rule.name,
                "kind": rule.kind,
                "percent": str(rule.percent),
                "bonuses": str(rule.bonuses),
                "per": rule.per,
                "factor": str(rule.factor),
                "min_order": rule.min_order,
                "lines": list(lines),
            }
            for rule, lines in accrual.fits
        ],
    }


def load(document: dict[str, Any]) -> Kept:
    """The terms that `dump` wrote."""
    level = document["level"]
    return Kept(
        items=tuple(Item(line["total"], line["title"], line["external_id"]) for line in document["lines"]),
        bases=tuple(Decimal(max(line["total"] - line["spent"], 0)) for line in document["lines"]),
        fits=tuple(
            (
                Rule(
                    id=rule["id"],
                    name=rule["name"],
                    kind=rule["kind"],
                    percent=Decimal(rule["percent"]),
                    bonuses=Decimal(rule["bonuses"]),
                    per=rule["per"],
                    factor=Decimal(rule["factor"]),
                    min_order=rule["min_order"],
                ),
                tuple(rule["lines"]),
            )
            for rule in document["rules"]
        ),
        level=Standing(level["id"], level["name"], Decimal(level["percent"])) if level else None,
        terms=Terms(document["scale"], document["digits"], document["rounding"]),
    )
