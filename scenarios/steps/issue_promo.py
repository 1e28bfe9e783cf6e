"""Issuing promo codes."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import PromoPool
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, IssueCode, Outcome


class IssuePromoCode(Step):
    """Gives the client a code of a pool; the messages below say it as `{{ promo.code }}` (semantics §42)."""

    icon = "confirmation_number"
    provides = ("promo",)

    class WhenDry(models.TextChoices):
        SKIP = "skip", _("go on without a code")
        SHARED = "shared", _("give a shared code instead")
        FAIL = "fail", _("stop here and try again later, as a failure")

    pool = models.ForeignKey(PromoPool, models.PROTECT, related_name="+", verbose_name=_("pool"))
    when_dry = models.CharField(_("when no codes are left"), max_length=10, choices=WhenDry, default=WhenDry.FAIL)
    instead = models.ForeignKey(
        PromoPool,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        limit_choices_to={"kind": PromoPool.Kind.SHARED},
        verbose_name=_("shared code instead"),
    )

    class Meta:
        verbose_name = _("issue promo code")
        verbose_name_plural = _("issues of promo codes")

    def clean(self) -> None:
        if self.when_dry == self.WhenDry.SHARED and (
            self.instead is None or self.instead.kind != PromoPool.Kind.SHARED or self.instead_id == self.pool_id
        ):
            raise ValidationError({"instead": _("Choose another pool, one with a shared code.")})

    def sentence(self) -> str:
        return t("Issue a promo code of «%(pool)s»") % {"pool": self.pool.name}

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        effect = IssueCode(
            self.pool_id,
            self.instead_id if self.when_dry == self.WhenDry.SHARED else None,
            required=self.when_dry == self.WhenDry.FAIL,
        )
        return [Outcome(effects=(effect,))] * len(batch.runs)
