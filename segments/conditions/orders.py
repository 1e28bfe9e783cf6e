"""Orders: how many, for how much, how long ago; how dear a discount is to the client; whether the usual time is over.

A purchase is a paid order. What was refunded is subtracted from its sum; cancelled and wholly refunded orders are none.
Sums are of orders in the programme's currency.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from loyalty.money import digits
from loyalty.services import programme
from segments.conditions.amounts import MAX_DAYS, Measured, Windowed, days_ago, in_days, plain
from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term

# Of an order `o`: whether it is a purchase.
PURCHASE = "o.status IN ('paid', 'part_refunded')"

_RULE = _("Paid orders count; cancelled and returned ones do not, and refunds are subtracted.")


class OrdersCondition(Measured, Windowed, Condition):
    """The number, the sum or the average of the client's purchases in a window, or how many days ago they were.

    Days are whole 24 hours: "at least 30 days ago" is 30 × 24 hours or more. Without a purchase there is no average
    and no first or last one, so those hold for nobody; number and sum are 0.
    """

    menu_group = MenuGroup.PURCHASES

    class Measure(models.TextChoices):
        COUNT = "count", _("number of orders")
        SUM = "sum", _("sum of orders")
        AVERAGE = "average", _("average order")
        FIRST = "first", _("days since the first order")
        LAST = "last", _("days since the last order")

    measure = models.CharField(
        pgettext_lazy("orders", "what"), max_length=10, choices=Measure, default=Measure.COUNT, help_text=_RULE
    )

    class Meta:
        verbose_name = _("orders: number, sum, average, days since")
        verbose_name_plural = _("orders: number, sum, average, days since")

    def clean(self) -> None:
        super().clean()
        if self._in_days():
            for name in ("amount", "amount_to"):
                value = getattr(self, name)
                if value is not None and (value != int(value) or value > MAX_DAYS):
                    raise ValidationError({name: _("Give a whole number of days.")})

    def _in_days(self) -> bool:
        return self.measure in (self.Measure.FIRST, self.Measure.LAST)

    def _orders(self, facts: Facts) -> str:
        return facts.relation(
            f"""SELECT o.client_id, count(*) AS count, min(o.ordered_at) AS first, max(o.ordered_at) AS last,
                       sum(greatest(o.total - o.refunded, 0)) FILTER (WHERE {_ours(facts)}) AS sum,
                       avg(greatest(o.total - o.refunded, 0)) FILTER (WHERE {_ours(facts)}) AS average
                FROM loyalty_order o
                WHERE {PURCHASE} AND {self.inside(facts, "o.ordered_at")} AND {facts.among("o.client_id")}
                GROUP BY o.client_id"""
        )

    def term(self, facts: Facts) -> Term:
        orders, measure = self._orders(facts), self.Measure(self.measure)
        column = f"{orders}.{measure.value}"
        if self._in_days():
            return Term(self._days_fit(facts, column), {"ago": f"{facts.moment()} - {column}"})
        if measure != self.Measure.AVERAGE:
            column = f"coalesce({column}, 0)"
        scale = 0 if measure == self.Measure.COUNT else digits(facts.programme.currency)
        return Term(self.fits(facts, column, scale), {"amount": column})

    def _days_fit(self, facts: Facts, column: str) -> str:
        # The farther a moment, the smaller it is.
        low, high = (facts.moment(days_ago(int(days or 0))) for days in (self.amount, self.amount_to))
        match self.bound:
            case self.Bound.AT_LEAST:
                return f"{column} <= {low}"
            case self.Bound.AT_MOST:
                return f"{column} >= {low}"
        return f"{column} BETWEEN {high} AND {low}"

    def sentence(self) -> str:
        said = f"{self.get_measure_display()}: {self.how_much()}"
        return self.within(said)

    def seen(self, saw: Mapping[str, Any]) -> str:
        if "ago" in saw:
            return t("%(days)s ago") % {"days": in_days(saw["ago"].days)} if saw["ago"] is not None else t("no orders")
        if saw["amount"] is None:
            return t("no orders")
        if self.measure == self.Measure.COUNT:
            return ngettext("%(n)d order", "%(n)d orders", saw["amount"]) % {"n": saw["amount"]}
        places = digits(programme.current().currency)
        return plain(round(Decimal(saw["amount"]).scaleb(-places), places))

    def changing(self, span: Span) -> tuple[str, ...]:
        edges = {self.days or 0}
        if self._in_days():
            edges |= {int(self.amount), int(self.amount_to or 0)}
        crossed = span.crossed("o.ordered_at", days_ago(0), *(days_ago(days) for days in sorted(edges)))
        return (f"SELECT o.client_id FROM loyalty_order o WHERE o.client_id IS NOT NULL AND {crossed}",)


class DiscountShareCondition(Windowed, Condition):
    """So large a part of the client's purchases was discounted: price sensitivity.

    An order is discounted where its discount is above zero. Clients with fewer orders than `least` say nothing yet.
    """

    menu_group = MenuGroup.PURCHASES

    class Bound(models.TextChoices):
        AT_LEAST = "at_least", _("at least")
        AT_MOST = "at_most", _("at most")

    bound = models.CharField(_("bound"), max_length=10, choices=Bound, default=Bound.AT_LEAST)
    percent = models.DecimalField(
        _("discounted orders, %"),
        max_digits=5,
        decimal_places=2,
        default=50,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_RULE,
    )
    least = models.PositiveIntegerField(
        _("of at least so many orders"), default=2, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )

    class Meta:
        verbose_name = _("share of discounted orders")
        verbose_name_plural = _("shares of discounted orders")

    def term(self, facts: Facts) -> Term:
        orders = facts.relation(
            f"SELECT o.client_id, count(*) AS n, count(*) FILTER (WHERE o.discount > 0) AS cheap FROM loyalty_order o"
            f" WHERE {PURCHASE} AND {self.inside(facts, 'o.ordered_at')} AND {facts.among('o.client_id')}"
            f" GROUP BY o.client_id"
        )
        sign = ">=" if self.bound == self.Bound.AT_LEAST else "<="
        share = f"{orders}.cheap * 100 {sign} {orders}.n * {facts.value(Decimal(self.percent))}::numeric"
        return Term(
            f"{orders}.n >= {facts.value(self.least)} AND {share}", {"n": f"{orders}.n", "cheap": f"{orders}.cheap"}
        )

    def sentence(self) -> str:
        bound = f"{self.get_bound_display()} {plain(self.percent)} %"
        share = ngettext(
            "%(bound)s of orders were discounted (of at least %(n)d order)",
            "%(bound)s of orders were discounted (of at least %(n)d orders)",
            self.least,
        )
        return self.within(share % {"bound": bound, "n": self.least})

    def seen(self, saw: Mapping[str, Any]) -> str:
        n = saw["n"] or 0
        return ngettext("%(cheap)d of %(n)d order", "%(cheap)d of %(n)d orders", n) % {
            "cheap": saw["cheap"] or 0,
            "n": n,
        }

    def changing(self, span: Span) -> tuple[str, ...]:
        crossed = self.edges(span, "o.ordered_at")
        return (f"SELECT o.client_id FROM loyalty_order o WHERE o.client_id IS NOT NULL AND {crossed}",)


def _ours(facts: Facts) -> str:
    return f"o.currency = {facts.value(facts.programme.currency)}"
