"""Who brought whom."""

from collections.abc import Mapping
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from segments.conditions.base import Condition, MenuGroup
from segments.conditions.orders import PURCHASE
from segments.facts import Facts, Span, Term


class ReferralCondition(Condition):
    """The client was brought by a friend, or brought at least n friends (who have a purchase, where asked).

    Refused referrals are none: oneself, the same phone, a client before. Purchases: paid, not wholly refunded.
    """

    menu_group = MenuGroup.BEHAVIOUR

    class Role(models.TextChoices):
        REFEREE = "referee", _("was brought by a friend")
        REFERRER = "referrer", _("brought friends")
        OF_BUYERS = "buyers", _("brought friends who bought")

    role = models.CharField(pgettext_lazy("referral", "what"), max_length=10, choices=Role, default=Role.REFERRER)
    count = models.PositiveIntegerField(
        _("friends, at least"), default=1, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    negated = models.BooleanField(_("does not hold"), default=False)

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")

    def term(self, facts: Facts) -> Term:
        who = "referee_id" if self.role == self.Role.REFEREE else "referrer_id"
        bought = ""
        if self.role == self.Role.OF_BUYERS:
            bought = f" AND EXISTS (SELECT FROM loyalty_order o WHERE o.client_id = r.referee_id AND {PURCHASE})"
        friends = facts.relation(
            f"SELECT r.{who} AS client_id, count(*) AS n FROM loyalty_referral r"
            f" WHERE r.state <> 'refused' AND {facts.among(f'r.{who}')}{bought} GROUP BY r.{who}"
        )
        least = 1 if self.role == self.Role.REFEREE else self.count
        enough = f"{friends}.n >= {facts.value(least)}"
        return Term(f"({enough}) IS NOT TRUE" if self.negated else enough, {"count": f"{friends}.n"})

    def sentence(self) -> str:
        match self.role:
            case self.Role.REFEREE:
                return t("was not brought by a friend") if self.negated else t("was brought by a friend")
            case self.Role.REFERRER:
                said = ngettext("brought at least %(n)d friend", "brought at least %(n)d friends", self.count)
            case _:
                said = ngettext(
                    "brought at least %(n)d friend who bought", "brought at least %(n)d friends who bought", self.count
                )
        said = said % {"n": self.count}
        return t("not: %(condition)s") % {"condition": said} if self.negated else said

    def seen(self, saw: Mapping[str, Any]) -> str:
        count = saw["count"] or 0
        if self.role == self.Role.REFEREE:
            return t("was brought") if count else t("came alone")
        return ngettext("%(n)d friend", "%(n)d friends", count) % {"n": count}

    def changing(self, span: Span) -> tuple[str, ...]:
        if self.role != self.Role.OF_BUYERS:
            return ()
        # What friends buy is news about them, not about who brought them.
        return ("SELECT referrer_id AS client_id FROM loyalty_referral",)
