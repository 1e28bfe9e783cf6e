"""Being in a segment."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term


class InSegment(Condition):
    """The client is, or is not, in a segment."""

    menu_group = MenuGroup.SEGMENTS

    segment = models.ForeignKey("segments.Segment", models.PROTECT, verbose_name=_("segment"))
    negated = models.BooleanField(_("not in it"), default=False)

    class Meta:
        verbose_name = _("segment membership")
        verbose_name_plural = _("segment memberships")

    def term(self, facts: Facts) -> Term:
        members = facts.relation(
            f"SELECT client_id FROM segments_membership"
            f" WHERE segment_id = {facts.value(self.segment_id)} AND {facts.among('client_id')}",
            cheap=True,
        )
        inside = f"{members}.client_id IS NOT NULL"
        return Term(f"{members}.client_id IS NULL" if self.negated else inside, {"inside": inside})

    def sentence(self) -> str:
        pattern = t("not in segment «%(segment)s»") if self.negated else t("in segment «%(segment)s»")
        return pattern % {"segment": self.segment.name}

    def seen(self, saw: Mapping[str, Any]) -> str:
        return t("is in it") if saw["inside"] else t("is not in it")

    def changing(self, span: Span) -> tuple[str, ...]:
        # Membership changes by itself alone; the dynamic segment that changed it tells.
        return ()
