"""Longer without a purchase than is usual for this client."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from segments.conditions.amounts import MAX_DAYS, in_days, plain
from segments.conditions.base import Condition, MenuGroup
from segments.conditions.orders import PURCHASE
from segments.facts import Facts, Span, Term, Values


class OverdueCondition(Condition):
    """More time has passed since the last purchase than k times the client's median interval between purchases.

    But never before `floor` days. The norm of a client with fewer than `least` purchases is not known: then it holds
    after `otherwise` days, or, where none are given, not at all. Purchases as everywhere: paid, not wholly refunded.
    """

    menu_group = MenuGroup.PURCHASES

    factor = models.DecimalField(
        _("times the usual interval"),
        max_digits=5,
        decimal_places=2,
        default=2,
        validators=[MinValueValidator(Decimal("0.1"))],
        help_text=_("The median time between the client's own paid orders."),
    )
    floor = models.PositiveIntegerField(_("but not before days"), default=0, validators=[MaxValueValidator(MAX_DAYS)])
    least = models.PositiveIntegerField(
        _("of at least so many orders"), default=3, validators=[MinValueValidator(2), MaxValueValidator(1000)]
    )
    otherwise = models.PositiveIntegerField(
        _("with fewer orders, after days"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_DAYS)],
        help_text=_("Empty: it does not hold for clients with fewer orders."),
    )

    class Meta:
        verbose_name = _("longer without an order than usual")
        verbose_name_plural = _("longer without an order than usual")

    def _habits(self, values: Values, moment: str, among: str) -> str:
        """A SELECT of the last purchase, the median interval and the moment after which a client is overdue."""
        usual = f"greatest(median * {values.value(float(self.factor))}::float8, {self.floor} * interval '24 hours')"
        other = "NULL" if self.otherwise is None else f"{self.otherwise} * interval '24 hours'"
        return f"""SELECT client_id, last, median,
                     last + CASE WHEN n >= {values.value(self.least)} THEN {usual} ELSE {other} END AS due
                   FROM (
                     SELECT client_id, count(*) AS n, max(ordered_at) AS last,
                            percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS median
                     FROM (
                       SELECT o.client_id, o.ordered_at,
                              o.ordered_at - lag(o.ordered_at) OVER (PARTITION BY o.client_id ORDER BY o.ordered_at)
                                AS gap
                       FROM loyalty_order o WHERE {PURCHASE} AND o.ordered_at <= {moment} AND {among}) gaps
                     GROUP BY client_id) habits"""

    def term(self, facts: Facts) -> Term:
        habits = facts.relation(self._habits(facts, facts.moment(), facts.among("o.client_id")))
        return Term(
            f"{facts.moment()} > {habits}.due",
            {"ago": f"{facts.moment()} - {habits}.last", "median": f"{habits}.median"},
        )

    def sentence(self) -> str:
        said = t("no order for longer than %(factor)s usual intervals") % {"factor": plain(self.factor)}
        parts = [said]
        if self.floor:
            parts.append(t("at least %(days)s") % {"days": in_days(self.floor)})
        if self.otherwise is not None:
            with_fewer = ngettext(
                "with fewer than %(n)d order, longer than %(days)s",
                "with fewer than %(n)d orders, longer than %(days)s",
                self.least,
            )
            parts.append(with_fewer % {"n": self.least, "days": in_days(self.otherwise)})
        return "; ".join(parts)

    def seen(self, saw: Mapping[str, Any]) -> str:
        if saw["ago"] is None:
            return t("no orders")
        ago = t("the last order %(days)s ago") % {"days": in_days(saw["ago"].days)}
        if saw["median"] is None:
            return ago
        return t("%(ago)s, the usual interval is %(days)s") % {"ago": ago, "days": in_days(round(saw["median"].days))}

    def changing(self, span: Span) -> tuple[str, ...]:
        # Orders that were known then: newer ones are news of their own.
        habits = self._habits(span, f"{span.value(span.now)}::timestamptz", "o.client_id IS NOT NULL")
        crossed = span.crossed("h.due")
        return (
            f"SELECT h.client_id FROM ({habits}) h WHERE {crossed}",
            f"SELECT o.client_id FROM loyalty_order o WHERE o.client_id IS NOT NULL AND {span.crossed('o.ordered_at')}",
        )
