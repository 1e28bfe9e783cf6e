"""The programme's own settings: one row."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Programme(models.Model):
    """The loyalty programme: how bonuses are counted and what is assumed where a shop is silent.

    Its zone is TIME_ZONE of the environment (contract §1).
    """

    name = models.CharField(_("name"), max_length=200, default="Loyalty")
    currency = models.CharField(_("currency"), max_length=3, default="RUB", help_text=_("ISO 4217 code."))
    bonus_scale = models.PositiveSmallIntegerField(
        _("digits after the point of a bonus"), default=0, choices=[(0, "0"), (2, "2")]
    )
    phone_region = models.CharField(
        _("phone region"), max_length=2, default="RU", help_text=_("Country of phone numbers given without a prefix.")
    )

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programme")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="programme_single")]

    def __str__(self) -> str:
        return self.name
