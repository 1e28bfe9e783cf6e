"""Days on which nothing is advertised: the whole programme holds its tongue."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.window import Outside


class PauseDate(models.Model):
    """A day or several, by the client's calendar, on which no marketing goes out: days of mourning, say."""

    name = models.CharField(_("name"), max_length=100)
    first = models.DateField(_("first day"))
    last = models.DateField(_("last day"))
    marketing = models.CharField(_("marketing of these days"), max_length=5, choices=Outside, default=Outside.DEFER)

    class Meta:
        verbose_name = _("pause date")
        verbose_name_plural = _("pause dates")
        ordering = ("-first",)
        constraints = [
            models.CheckConstraint(condition=models.Q(last__gte=models.F("first")), name="pause_date_in_order"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.first and self.last and self.last < self.first:
            raise ValidationError({"last": _("The last day lies before the first.")})
