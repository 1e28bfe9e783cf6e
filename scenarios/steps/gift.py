"""Giving gifts."""

from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import AccessGrant
from scenarios.steps.access import Giving


class GiveGift(Giving):
    """Gives a gift to be collected by a code or a link; texts below say `{{ gift.code }}`, `{{ gift.until }}`."""

    icon = "featured_seasonal_and_gifts"
    provides = ("gift",)
    kind = AccessGrant.Kind.GIFT

    class Meta:
        verbose_name = _("give a gift")
        verbose_name_plural = _("gifts")

    def sentence(self) -> str:
        return t("Give «%(what)s», %(until)s") % {"what": self.name, "until": self.until()}
