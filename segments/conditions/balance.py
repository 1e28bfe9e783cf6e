"""Bonuses: how many are available, how many are about to burn. By time alone, as the ledger counts (semantics §32)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.services import programme
from segments.conditions.amounts import MAX_DAYS, Measured, days_ago, plain
from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term


def _usable(facts: Facts, until: str = "") -> str:
    """A fact relation: `bonuses` that a client may spend now; `until` limits the lots further.

    What open holds reserve is not available; a hold past its deadline reserves nothing.
    """
    return facts.relation(
        f"""SELECT lot.client_id, sum(lot.remaining - coalesce(held.amount, 0)) AS bonuses
            FROM loyalty_bonuslot lot LEFT JOIN (
              SELECT a.lot_id, sum(a.amount) AS amount
              FROM loyalty_bonushold h JOIN loyalty_bonusholdallocation a ON a.hold_id = h.id
              WHERE h.state = 'open' AND h.deadline > {facts.moment()} AND {facts.among("h.client_id")}
              GROUP BY a.lot_id) held ON held.lot_id = lot.id
            WHERE lot.remaining > 0 AND lot.activates_at <= {facts.moment()}
              AND (lot.expires_at IS NULL OR lot.expires_at > {facts.moment()}){until}
              AND {facts.among("lot.client_id")}
            GROUP BY lot.client_id"""
    )


def _changing(span: Span, *after: int) -> tuple[str, ...]:
    """Clients whose lots begin, end (or are so many days before it), or whose holds lapse in the span."""
    lots = "SELECT client_id FROM loyalty_bonuslot WHERE remaining > 0"
    return (
        f"{lots} AND {span.crossed('activates_at')}",
        f"{lots} AND {span.crossed('expires_at', *(days_ago(-days) for days in (0, *after)))}",
        f"SELECT client_id FROM loyalty_bonushold WHERE state = 'open' AND {span.crossed('deadline')}",
    )


def _major(bonuses: Decimal | int | None) -> str:
    return plain(Decimal(bonuses or 0).scaleb(-programme.current().bonus_scale))


class BalanceCondition(Measured, Condition):
    """How many bonuses the client may spend now: active, not burnt, not held for an order."""

    menu_group = MenuGroup.BONUSES

    class Meta:
        verbose_name = _("bonus balance")
        verbose_name_plural = _("bonus balances")

    def term(self, facts: Facts) -> Term:
        bonuses = f"coalesce({_usable(facts)}.bonuses, 0)"
        return Term(self.fits(facts, bonuses, facts.programme.bonus_scale), {"bonuses": bonuses})

    def sentence(self) -> str:
        return t("available bonuses: %(amount)s") % {"amount": self.how_much()}

    def seen(self, saw: Mapping[str, Any]) -> str:
        return t("available: %(amount)s") % {"amount": _major(saw["bonuses"])}

    def changing(self, span: Span) -> tuple[str, ...]:
        return _changing(span)


class ExpiringBonusesCondition(Condition):
    """At least so many of the available bonuses burn within n × 24 hours (the last moment included)."""

    menu_group = MenuGroup.BONUSES

    amount = models.DecimalField(
        _("bonuses, at least"),
        max_digits=14,
        decimal_places=2,
        default=1,
        validators=[MinValueValidator(Decimal("0.01"))],
    )
    days = models.PositiveIntegerField(
        _("burn within days"), default=14, validators=[MinValueValidator(1), MaxValueValidator(MAX_DAYS)]
    )

    class Meta:
        verbose_name = _("bonuses about to burn")
        verbose_name_plural = _("bonuses about to burn")

    def term(self, facts: Facts) -> Term:
        soon = _usable(facts, f" AND lot.expires_at <= {facts.moment(days_ago(-self.days))}")
        limit = facts.value(Decimal(self.amount).scaleb(facts.programme.bonus_scale))
        return Term(f"{soon}.bonuses >= {limit}::numeric", {"bonuses": f"{soon}.bonuses"})

    def sentence(self) -> str:
        return ngettext(
            "at least %(amount)s bonuses burn within %(n)d day",
            "at least %(amount)s bonuses burn within %(n)d days",
            self.days,
        ) % {"amount": plain(self.amount), "n": self.days}

    def seen(self, saw: Mapping[str, Any]) -> str:
        return t("about to burn: %(amount)s") % {"amount": _major(saw["bonuses"])}

    def changing(self, span: Span) -> tuple[str, ...]:
        return _changing(span, self.days)
