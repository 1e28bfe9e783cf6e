"""What a client does with promo codes."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from segments.conditions.amounts import MAX_DAYS, days_ago, in_days
from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term


class PromoCodeCondition(Condition):
    """The client has a code that may be used, has one that ends within n × 24 hours, or used one.

    A code may be used when it was issued to the client, has not ended, is not blocked or used up, its pool is switched
    on and has begun, and the client has not used it. A use that was cancelled is none.
    """

    menu_group = MenuGroup.BONUSES

    class State(models.TextChoices):
        UNUSED = "unused", _("has a code to use")
        EXPIRING = "expiring", _("has a code that ends soon")
        USED = "used", _("used a code")

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.UNUSED)
    pool = models.ForeignKey(
        "loyalty.PromoPool",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("pool"),
        help_text=_("Empty: of any pool."),
    )
    days = models.PositiveIntegerField(
        pgettext_lazy("promo code", "within days"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_DAYS)],
        help_text=_("Ends within so many days; or was used in the last so many, empty: at any time."),
    )
    negated = models.BooleanField(_("does not hold"), default=False, help_text=_("Has none, or used none."))

    class Meta:
        verbose_name = _("promo code")
        verbose_name_plural = _("promo codes")

    def clean(self) -> None:
        if self.state == self.State.EXPIRING and not self.days:
            raise ValidationError({"days": _("Give a number of days.")})
        if self.state == self.State.UNUSED:
            self.days = None

    def term(self, facts: Facts) -> Term:
        codes = facts.relation(self._used(facts) if self.state == self.State.USED else self._unused(facts))
        test = f"coalesce({codes}.n, 0) = 0" if self.negated else f"{codes}.n > 0"
        return Term(test, {"count": f"{codes}.n"})

    def _of_pool(self, facts: Facts, column: str) -> str:
        return "" if self.pool_id is None else f" AND {column} = {facts.value(self.pool_id)}"

    def _unused(self, facts: Facts) -> str:
        ends = ""
        if self.state == self.State.EXPIRING:
            ends = f" AND i.expires_at <= {facts.moment(days_ago(-(self.days or 0)))}"
        return f"""SELECT i.client_id, count(*) AS n
                   FROM loyalty_promoissue i
                   JOIN loyalty_promocode k ON k.id = i.code_id JOIN loyalty_promopool p ON p.id = i.pool_id
                   WHERE {facts.among("i.client_id")}{self._of_pool(facts, "i.pool_id")}
                     AND i.issued_at <= {facts.moment()}
                     AND (i.expires_at IS NULL OR i.expires_at > {facts.moment()}){ends}
                     AND p.active AND (p.starts_at IS NULL OR p.starts_at <= {facts.moment()})
                     AND NOT k.blocked AND (k.max_uses IS NULL OR k.uses < k.max_uses)
                     AND NOT EXISTS (SELECT FROM loyalty_promoredemption r
                                     WHERE r.code_id = k.id AND r.client_id = i.client_id AND r.cancelled_at IS NULL)
                   GROUP BY i.client_id"""

    def _used(self, facts: Facts) -> str:
        since = "" if self.days is None else f" AND r.redeemed_at >= {facts.moment(days_ago(self.days))}"
        return f"""SELECT r.client_id, count(*) AS n FROM loyalty_promoredemption r
                   WHERE {facts.among("r.client_id")}{self._of_pool(facts, "r.pool_id")}
                     AND r.cancelled_at IS NULL AND r.redeemed_at <= {facts.moment()}{since}
                   GROUP BY r.client_id"""

    def sentence(self) -> str:
        state = self.State(self.state)
        if state == self.State.USED:
            said = t("has not used a promo code") if self.negated else t("used a promo code")
        else:
            said = t("has no promo code to use") if self.negated else t("has a promo code to use")
        if self.pool is not None:
            said = t("%(said)s of «%(pool)s»") % {"said": said, "pool": self.pool.name}
        if state == self.State.EXPIRING:
            return t("%(said)s that ends within %(days)s") % {"said": said, "days": in_days(self.days or 0)}
        if self.days is None:
            return said
        within = ngettext("in the last %(n)d day", "in the last %(n)d days", self.days) % {"n": self.days}
        return f"{said} {within}"

    def seen(self, saw: Mapping[str, Any]) -> str:
        count = saw["count"] or 0
        return ngettext("%(n)d code", "%(n)d codes", count) % {"n": count}

    def changing(self, span: Span) -> tuple[str, ...]:
        if self.state == self.State.USED:
            edges = span.crossed("redeemed_at", days_ago(0), days_ago(self.days))
            return (f"SELECT client_id FROM loyalty_promoredemption WHERE client_id IS NOT NULL AND {edges}",)
        return (
            f"SELECT client_id FROM loyalty_promoissue"
            f" WHERE {span.crossed('expires_at', days_ago(0), days_ago(-(self.days or 0)))}",
            f"SELECT i.client_id FROM loyalty_promoissue i JOIN loyalty_promopool p ON p.id = i.pool_id"
            f" WHERE {span.crossed('p.starts_at')}",
        )
