"""What an order earns: one pure function over lines, level and rules (semantics §39–40).

No database and no clock. Money and bonuses are integers in minor units outside, Decimals inside, never floats.

How several rules meet, line by line:

1. Of the rules of earning that fit, the exclusive one of the highest priority stands alone (of equals, the older).
   Otherwise all that fit are summed.
2. Multipliers multiply that sum; an exclusive multiplier stands alone among multipliers in the same way.
3. The order is rounded once, and the rounded number is apportioned to lines and rules by largest remainder.

"n bonuses for every X" counts *full* X of what is paid: that is what the rule says, not a rounding. So 1999 with one
bonus for every 100 and one for every 200 earns 19 + 9 = 28, and the one rounding finds nothing left to round.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from loyalty.money import apportion
from loyalty.services.basket import Goods, Item

PRECISION = 60  # digits: products of sums, percents and factors, exactly
_ROUNDING = {"floor": ROUND_FLOOR, "half_up": ROUND_HALF_UP, "ceiling": ROUND_CEILING}
# Where a division by what was returned does not come out even, a whole number must not be missed by a hair.
_HAIR = Decimal("1e-20")


class Why(TextChoices):
    """Why a rule gives a line nothing."""

    NOT_YET = "not_yet", _("not valid yet")
    OVER = "over", _("not valid any more")
    WEEKDAY = "weekday", _("not on this weekday")
    HOUR = "hour", _("not at this hour")
    LEVEL = "level", _("not for this level")
    NO_LEVEL = "no_level", _("the client has no level")
    MINIMUM = "minimum", _("the order is below the minimum")
    GOODS = "goods", _("not for these goods")
    EXCLUDED = "excluded", _("another rule is exclusive here")
    NOTHING_PAID = "nothing_paid", _("nothing was paid in money")


@dataclass(frozen=True, slots=True)
class Standing:
    """The client's level."""

    id: int
    name: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """How bonuses are counted: digits of a bonus, digits of the currency, rounding (`Programme.Rounding`)."""

    scale: int = 0
    digits: int = 2
    rounding: str = "floor"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of earning, as `loyalty.models.AccrualRule` describes it. Sums of money in minor units."""

    id: int
    name: str
    kind: str
    percent: Decimal = Decimal(0)
    bonuses: Decimal = Decimal(0)
    per: int = 0
    factor: Decimal = Decimal(1)
    exclusive: bool = False
    priority: int = 0
    levels: frozenset[int] = frozenset()
    goods: Goods = field(default_factory=Goods)
    min_order: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekdays: frozenset[int] = frozenset()
    hours: tuple[time, time] | None = None
    pending_days: int = 0
    lifetime_days: int | None = None

    @property
    def multiplies(self) -> bool:
        """Whether it changes what other rules give, rather than giving itself."""
        return self.kind == "factor"


@dataclass(frozen=True, slots=True)
class Part:
    """What one rule gives one line, before rounding, in whole bonuses."""

    rule: Rule
    bonuses: Decimal


@dataclass(frozen=True, slots=True)
class LineResult:
    """What one line earns, and why. `basis`: what was paid for it in money; `bonuses` in minor units."""

    basis: Decimal
    bonuses: int
    parts: tuple[Part, ...]
    factors: tuple[Rule, ...]
    refused: tuple[tuple[Rule, Why], ...]


@dataclass(frozen=True, slots=True)
class Accrual:
    """What the order earns: `bonuses` = Σ of the lines = Σ of the rules, in minor units.

    `fits`: which rules apply to which lines (by number); with them `keep` counts again after a refund.
    """

    bonuses: int
    lines: tuple[LineResult, ...]
    by_rule: dict[int, int]
    fits: tuple[tuple[Rule, tuple[int, ...]], ...]
    # What of each line was paid with bonuses, in minor units of the currency.
    spent: tuple[int, ...]


def compute(
    items: Sequence[Item],
    level: Standing | None,
    rules: Sequence[Rule],
    spent: Sequence[int],
    at: datetime,
    zone: ZoneInfo,
    terms: Terms,
) -> Accrual:
    """What an order of `items` earns for a client on `level`, bought at `at` (aware).

    `spent` is what of each line is paid with bonuses, in minor units of the currency (`share_spent`): it earns
    nothing. Windows of rules are read in the programme's `zone`. Discounts have to be inside the lines' totals.
    """
    with localcontext(prec=PRECISION):
        bases = [Decimal(max(item.total - paid, 0)) for item, paid in zip(items, spent, strict=True)]
        refused: list[list[tuple[Rule, Why]]] = [[] for _ in items]
        fits = _fits(items, bases, level, rules, at.astimezone(zone), refused)
        parts = _count(bases, fits, level, terms)
        bonuses = _rounded(_sum(parts), terms)
        shares = iter(apportion(bonuses, [part.bonuses for line in parts for part in line]))
        by_rule: dict[int, int] = {}
        lines = []
        for number, line in enumerate(parts):
            given = 0
            for part in line:
                share = next(shares)
                given += share
                by_rule[part.rule.id] = by_rule.get(part.rule.id, 0) + share
            factors = tuple(rule for rule, numbers in fits if rule.multiplies and number in numbers)
            lines.append(LineResult(bases[number], given, tuple(line), factors, tuple(refused[number])))
    return Accrual(bonuses, tuple(lines), by_rule, fits, tuple(spent))


def share_spent(items: Sequence[Item], payable: Sequence[bool], money: int) -> list[int]:
    """What of each line `money` worth of bonuses pays for: in proportion to the lines that are `payable`."""
    weights = [item.total if may else 0 for item, may in zip(items, payable, strict=True)]
    if not any(weights):
        weights = [item.total for item in items]
    return apportion(min(money, sum(weights)), weights)


def keep(
    bases: Sequence[Decimal],
    remaining: Sequence[Decimal],
    fits: Sequence[tuple[Rule, tuple[int, ...]]],
    level: Standing | None,
    terms: Terms,
) -> int:
    """f(remaining basis) of semantics §35: what an order that was paid `bases` keeps when `remaining` is left of them.

    Counts by the rules that applied at the purchase. The less is left, the less is kept, whatever the way there;
    with nothing left nothing is kept. So partial refunds in any order end where one refund of their sum ends.
    """
    with localcontext(prec=PRECISION):
        product = _factors(len(bases), fits)
        whole = sum(remaining)
        kept = Decimal(0)
        for rule, numbers in fits:
            if rule.multiplies or whole < rule.min_order:
                continue
            if rule.kind in ("level", "percent"):
                kept += sum(_percent(rule, remaining[n], level, terms) * product[n] for n in numbers)
                continue
            # With the multipliers of the whole purchase: were they weighed anew, returning the plain goods
            # of an order would raise what its doubled goods keep.
            paid = sum(bases[n] for n in numbers)
            given = _together(rule, sum((remaining[n] for n in numbers), Decimal(0)))
            kept += sum(given * bases[n] / paid * product[n] for n in numbers) if paid else 0
        return _rounded(kept, terms)


def left(bases: Sequence[Decimal], totals: Sequence[int], returned: Sequence[int], elsewhere: int) -> list[Decimal]:
    """What is left of each line's basis after `returned` of its total came back, and `elsewhere` of no line named.

    All in minor units of the currency; `elsewhere` is spread over what the lines have left.
    """
    with localcontext(prec=PRECISION):
        rest = [max(total - back, 0) for total, back in zip(totals, returned, strict=True)]
        whole = sum(rest)
        kept = max(whole - elsewhere, 0)
        return [
            basis * remaining * kept / (total * whole) if total and whole else Decimal(0)
            for basis, total, remaining in zip(bases, totals, rest, strict=True)
        ]


def _sum(parts: Sequence[Sequence[Part]]) -> Decimal:
    return sum((part.bonuses for line in parts for part in line), Decimal(0))


def _rounded(bonuses: Decimal, terms: Terms) -> int:
    exact = bonuses.scaleb(terms.scale).quantize(_HAIR)
    return int(exact.to_integral_value(_ROUNDING[terms.rounding]))


def _fits(
    items: Sequence[Item],
    bases: Sequence[Decimal],
    level: Standing | None,
    rules: Sequence[Rule],
    local: datetime,
    refused: list[list[tuple[Rule, Why]]],
) -> tuple[tuple[Rule, tuple[int, ...]], ...]:
    """Which rules apply to which lines; why the others do not goes to `refused`."""
    paid = sum(bases)
    lines: dict[int, list[int]] = {rule.id: [] for rule in rules}
    whole = {rule.id: _against_order(rule, level, paid, local) for rule in rules}
    for number, item in enumerate(items):
        fit: list[Rule] = []
        for rule in rules:
            why = whole[rule.id] or (Why.GOODS if rule.goods and item not in rule.goods else None)
            if why:
                refused[number].append((rule, why))
            else:
                fit.append(rule)
        for family in ([r for r in fit if not r.multiplies], [r for r in fit if r.multiplies]):
            exclusive = [rule for rule in family if rule.exclusive]
            top = min(exclusive, key=lambda rule: (-rule.priority, rule.id), default=None)
            for rule in family:
                if top is None or rule is top:
                    lines[rule.id].append(number)
                else:
                    refused[number].append((rule, Why.EXCLUDED))
    return tuple((rule, tuple(lines[rule.id])) for rule in rules if lines[rule.id])


def _against_order(rule: Rule, level: Standing | None, paid: Decimal | int, local: datetime) -> Why | None:
    """Why the rule does not apply to the order at all."""
    checks = (
        (rule.starts_at is not None and local < rule.starts_at, Why.NOT_YET),
        (rule.ends_at is not None and local >= rule.ends_at, Why.OVER),
        (bool(rule.weekdays) and local.weekday() not in rule.weekdays, Why.WEEKDAY),
        (rule.hours is not None and not _within(local.time(), *rule.hours), Why.HOUR),
        (rule.kind == "level" and level is None, Why.NO_LEVEL),
        (bool(rule.levels) and (level is None or level.id not in rule.levels), Why.LEVEL),
        (paid <= 0, Why.NOTHING_PAID),
        (paid < rule.min_order, Why.MINIMUM),
    )
    return next((why for wrong, why in checks if wrong), None)


def _within(moment: time, start: time, end: time) -> bool:
    return start <= moment < end if start <= end else moment >= start or moment < end


def _factors(lines: int, fits: Sequence[tuple[Rule, tuple[int, ...]]]) -> list[Decimal]:
    product = [Decimal(1)] * lines
    for rule, numbers in fits:
        if rule.multiplies:
            for number in numbers:
                product[number] *= rule.factor
    return product


def _count(
    bases: Sequence[Decimal], fits: Sequence[tuple[Rule, tuple[int, ...]]], level: Standing | None, terms: Terms
) -> list[list[Part]]:
    """What each rule gives each line, multiplied, before rounding."""
    parts: list[list[Part]] = [[] for _ in bases]
    product = _factors(len(bases), fits)
    for rule, numbers in fits:
        if rule.multiplies:
            continue
        for number, bonuses in zip(numbers, _gives(rule, [bases[n] for n in numbers], level, terms), strict=True):
            if bonuses * product[number]:
                parts[number].append(Part(rule, bonuses * product[number]))
    return parts


def _gives(rule: Rule, bases: Sequence[Decimal], level: Standing | None, terms: Terms) -> list[Decimal]:
    """What the rule gives the lines that it applies to, in whole bonuses, before multipliers and rounding."""
    if rule.kind in ("level", "percent"):
        return [_percent(rule, basis, level, terms) for basis in bases]
    paid = sum(bases, Decimal(0))
    # By lines, so that multipliers reach their share of it.
    return [_together(rule, paid) * basis / paid if paid else Decimal(0) for basis in bases]


def _percent(rule: Rule, basis: Decimal, level: Standing | None, terms: Terms) -> Decimal:
    percent = rule.percent if rule.kind == "percent" else level.percent if level else Decimal(0)
    return basis.scaleb(-terms.digits) * percent / 100


def _together(rule: Rule, paid: Decimal) -> Decimal:
    """What a rule that looks at a sum, not at lines, gives for `paid`."""
    if paid <= 0:
        return Decimal(0)
    if rule.kind == "steps":
        return rule.bonuses * (paid.quantize(_HAIR) // rule.per) if rule.per else Decimal(0)
    return rule.bonuses
