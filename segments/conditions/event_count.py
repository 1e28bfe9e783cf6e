"""How often something happened in a window."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.event_names import event_label
from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term


class EventCountCondition(Condition):
    """An event happened at least, or at most, n times in the last d days (or ever).

    The window is [now − d × 24 h, now], both ends included.
    """

    menu_group = MenuGroup.BEHAVIOUR

    class Bound(models.TextChoices):
        AT_LEAST = "at_least", _("at least")
        AT_MOST = "at_most", _("at most")

    event_name = models.CharField(_("event"), max_length=100)
    bound = models.CharField(_("how often"), max_length=10, choices=Bound, default=Bound.AT_LEAST)
    count = models.PositiveIntegerField(_("times"), default=1)
    days = models.PositiveIntegerField(_("within days"), null=True, blank=True, help_text=_("Empty: at any time."))

    class Meta:
        verbose_name = _("event happened n times")
        verbose_name_plural = _("events happened n times")

    def term(self, facts: Facts) -> Term:
        since = "" if self.days is None else f" AND e.occurred_at >= {facts.moment(timedelta(days=self.days))}"
        events = facts.relation(
            f"SELECT e.client_id, count(*) AS n FROM loyalty_event e WHERE e.name = {facts.value(self.event_name)}"
            f" AND e.occurred_at <= {facts.moment()}{since} AND {facts.among('e.client_id')} GROUP BY e.client_id"
        )
        number, limit = f"coalesce({events}.n, 0)", facts.value(self.count)
        return Term(f"{number} {'>=' if self.bound == self.Bound.AT_LEAST else '<='} {limit}", {"count": number})

    def sentence(self) -> str:
        bound = self.get_bound_display()
        times = ngettext("%(n)d time", "%(n)d times", self.count) % {"n": self.count}
        sentence = f"«{event_label(self.event_name)}» {bound} {times}"
        if self.days is None:
            return sentence
        within = ngettext("in the last %(n)d day", "in the last %(n)d days", self.days) % {"n": self.days}
        return f"{sentence} {within}"

    def seen(self, saw: Mapping[str, Any]) -> str:
        return ngettext("happened %(n)d time", "happened %(n)d times", saw["count"]) % {"n": saw["count"]}

    def changing(self, span: Span) -> tuple[str, ...]:
        edges = span.crossed("occurred_at", timedelta(0), *([timedelta(days=self.days)] if self.days else []))
        return (f"SELECT client_id FROM loyalty_event WHERE name = {span.value(self.event_name)} AND {edges}",)
