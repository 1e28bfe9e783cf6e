"""How often something happened in a window."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.event_names import event_label
from loyalty.models import Event
from segments.conditions.base import Condition


class EventCountCondition(Condition):
    """An event happened at least, or at most, n times in the last d days (or ever).

    The window is [now − d × 24 h, now], both ends included.
    """

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

    def _events(self, now: datetime) -> QuerySet[Event]:
        events = Event.objects.filter(name=self.event_name, occurred_at__lte=now)
        if self.days is not None:
            events = events.filter(occurred_at__gte=now - timedelta(days=self.days))
        return events

    def predicate(self, now: datetime) -> Q:
        events = self._events(now).filter(client=OuterRef("pk"))
        if self.bound == self.Bound.AT_LEAST and self.count == 1:
            return Q(Exists(events))
        if self.bound == self.Bound.AT_MOST and self.count == 0:
            return ~Q(Exists(events))
        counted = Subquery(events.order_by().values("client").annotate(n=Count("pk")).values("n"))
        number = Coalesce(counted, 0, output_field=IntegerField())
        lookup = GreaterThanOrEqual if self.bound == self.Bound.AT_LEAST else LessThanOrEqual
        return Q(lookup(number, self.count))

    def sentence(self) -> str:
        bound = self.get_bound_display()
        times = ngettext("%(n)d time", "%(n)d times", self.count) % {"n": self.count}
        sentence = f"«{event_label(self.event_name)}» {bound} {times}"
        if self.days is None:
            return sentence
        within = ngettext("in the last %(n)d day", "in the last %(n)d days", self.days) % {"n": self.days}
        return f"{sentence} {within}"

    def seen(self, client_id: int, now: datetime) -> str:
        count = self._events(now).filter(client=client_id).count()
        return t("happened %(count)d times") % {"count": count}
