"""Giving a referral link."""

from datetime import datetime

from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.services import referrals
from loyalty.services.referral_codes import code_of
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, Remember


class GiveReferralLink(Step):
    """Gives the client their link for friends: `{{ referral.url }}` and `{{ referral.code }}` below (semantics §41).

    The log then says who was given a link and when. While referrals are switched off nothing is given.
    """

    icon = "group_add"

    class Meta:
        verbose_name = _("give a referral link")
        verbose_name_plural = _("referral links given")

    def sentence(self) -> str:
        return t("Give a link to invite friends")

    def problems(self) -> list[str]:
        if not referrals.current().active:
            return [*super().problems(), t("The referral programme is switched off.")]
        return super().problems()

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        rules = referrals.current()
        if not rules.active:
            return [Outcome(reason="referral_off")] * len(batch.runs)
        outcomes = []
        for run in batch.runs:
            code, url = code_of(run.client_id, rules.key), referrals.link(run.client_id, rules)
            outcomes.append(
                Outcome(effects=(Remember("referral", {"code": code, "url": url, "link": url}),), detail=code)
            )
        return outcomes
