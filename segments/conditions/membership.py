"""Being in a segment."""

from datetime import datetime

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions.base import Condition


class InSegment(Condition):
    """The client is, or is not, in a segment."""

    segment = models.ForeignKey("segments.Segment", models.PROTECT, verbose_name=_("segment"))
    negated = models.BooleanField(_("not in it"), default=False)

    class Meta:
        verbose_name = _("segment membership")
        verbose_name_plural = _("segment memberships")

    def predicate(self, now: datetime) -> Q:
        # By name: models import conditions, not the other way round.
        memberships = apps.get_model("segments", "Membership").objects
        inside = Q(Exists(memberships.filter(segment=self.segment_id, client=OuterRef("pk"))))
        return ~inside if self.negated else inside

    def sentence(self) -> str:
        pattern = t("not in segment «%(segment)s»") if self.negated else t("in segment «%(segment)s»")
        return pattern % {"segment": self.segment.name}

    def seen(self, client_id: int, now: datetime) -> str:
        memberships = apps.get_model("segments", "Membership").objects
        inside = memberships.filter(segment=self.segment_id, client=client_id).exists()
        return t("is in it") if inside else t("is not in it")
