"""A move on the map of RFM (T28–T31)."""

from collections.abc import Collection, Sequence

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from scenarios.triggers.base import Entry, EventView, Trigger
from segments.rfm import RfmGroup


class RfmTrigger(Trigger):
    """Starts when a client moves from one RFM group to another; without groups, from or to any."""

    icon = "grid_view"

    from_groups = ArrayField(
        models.CharField(max_length=30, choices=RfmGroup),
        verbose_name=pgettext_lazy("RFM group", "from"),
        default=list,
        blank=True,
    )
    to_groups = ArrayField(
        models.CharField(max_length=30, choices=RfmGroup),
        verbose_name=pgettext_lazy("RFM group", "to"),
        default=list,
        blank=True,
    )

    class Meta:
        verbose_name = _("RFM group changed")
        verbose_name_plural = _("changes of RFM group")

    def clean(self) -> None:
        if self.to_groups and set(self.to_groups) == set(self.from_groups) and len(self.to_groups) == 1:
            raise ValidationError({"to_groups": _("Nobody moves from a group to itself.")})

    def sentence(self) -> str:
        words = {"before": _named(self.from_groups), "after": _named(self.to_groups)}
        if self.from_groups and self.to_groups:
            return t("When the RFM group changes from %(before)s to %(after)s") % words
        if self.to_groups:
            return t("When the RFM group becomes %(after)s") % words
        if self.from_groups:
            return t("When the RFM group is no longer %(before)s") % words
        return t("When the RFM group changes")

    def listens_to(self) -> Collection[str]:
        return ("rfm.changed",)

    def entry(self, event: EventView) -> Entry | None:
        before, after = event.payload.get("from"), event.payload.get("to")
        if (self.from_groups and before not in self.from_groups) or (self.to_groups and after not in self.to_groups):
            return None
        return Entry(event, f"event:{event.id}")


def _named(groups: Sequence[str]) -> str:
    return ", ".join(f"«{RfmGroup(group).label}»" for group in groups)
