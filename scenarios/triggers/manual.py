"""By hand, and through the API."""

from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.triggers.base import Trigger


class ManualTrigger(Trigger):
    """Starts nothing by itself: staff or another system let clients in (`scenarios/services/entering.py`)."""

    icon = "back_hand"

    class Meta:
        verbose_name = _("by hand or through the API")
        verbose_name_plural = _("by hand or through the API")

    def sentence(self) -> str:
        return t("By hand or through the API")
