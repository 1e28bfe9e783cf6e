"""The programme's settings and rules, read from the database in the form that pure functions take."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings

from loyalty.models import AccrualRule, Programme
from loyalty.money import digits
from loyalty.services import basket
from loyalty.services.accrual import Rule, Terms
from loyalty.services.redemption import Spending


def current() -> Programme:
    """The programme; created with its defaults where nobody has saved it yet."""
    programme, _ = Programme.objects.get_or_create(pk=1)
    return programme


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone() -> ZoneInfo:
    """The programme's zone: TIME_ZONE of the environment (contract §1)."""
    return _zone(settings.TIME_ZONE)


def minor(amount: Decimal, currency: str) -> int:
    """A sum in units of the currency, as the admin stores it, in minor units; what is smaller is cut off."""
    return int(amount.scaleb(digits(currency)))


def terms(programme: Programme) -> Terms:
    """How bonuses are counted."""
    return Terms(programme.bonus_scale, digits(programme.currency), programme.rounding)


def spending(programme: Programme) -> Spending:
    """The rules of spending."""
    return Spending(
        scale=programme.bonus_scale,
        digits=digits(programme.currency),
        value=programme.bonus_value,
        block=programme.spend_block,
        max_share=programme.max_share,
        min_order=minor(programme.spend_min_order, programme.currency),
        unpayable=basket.Goods(
            frozenset(programme.unpayable_categories.values_list("pk", flat=True)),
            frozenset(programme.unpayable_products.values_list("pk", flat=True)),
            basket.brands(programme.unpayable_brands),
        ),
    )


def rules(programme: Programme, rows: Iterable[AccrualRule] | None = None) -> list[Rule]:
    """The active rules of earning, or `rows` as they stand."""
    if rows is None:
        rows = AccrualRule.objects.filter(active=True).prefetch_related("levels", "categories", "products")
    return [rule(row, programme) for row in rows]


def rule(row: AccrualRule, programme: Programme) -> Rule:
    """One rule; what it leaves open is the programme's."""
    both = row.from_time is not None and row.to_time is not None
    saved = row.pk is not None
    return Rule(
        id=row.pk or 0,
        name=row.name,
        kind=row.kind,
        percent=row.percent or Decimal(0),
        bonuses=row.bonuses or Decimal(0),
        per=minor(row.per or Decimal(0), programme.currency),
        factor=Decimal(1) if row.factor is None else row.factor,
        exclusive=row.exclusive,
        priority=row.priority,
        levels=frozenset(level.pk for level in row.levels.all()) if saved else frozenset(),
        goods=basket.Goods(
            frozenset(category.pk for category in row.categories.all()) if saved else frozenset(),
            frozenset(product.pk for product in row.products.all()) if saved else frozenset(),
            basket.brands(row.brands),
        ),
        min_order=minor(row.min_order, programme.currency),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        weekdays=frozenset(int(day) for day in row.weekdays),
        hours=(row.from_time, row.to_time) if both else None,  # type: ignore[arg-type]  # both are there
        pending_days=programme.pending_days if row.pending_days is None else row.pending_days,
        lifetime_days=programme.lifetime_days if row.lifetime_days is None else row.lifetime_days,
    )
