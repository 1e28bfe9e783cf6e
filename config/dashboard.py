"""The start page: a few figures, each from an index."""

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t

from loyalty.models import RefusedDelivery
from loyalty.services import promo
from messaging.models import Message, Status
from scenarios.models import Scenario, ScenarioRun

# Counting stops here: a bigger number tells nobody more, and costs more.
ENOUGH = 100_000


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the figures that the user may see."""
    context["figures"] = figures(request, timezone.now()) if request.user.has_perm("scenarios.view_scenario") else []
    return context


def figures(request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    """Scenarios, clients inside, today's messages by status, and what is wrong."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    scenarios = reverse("admin:scenarios_scenario_changelist")
    messages = reverse("admin:messaging_message_changelist")
    runs = reverse("admin:scenarios_scenariorun_changelist")
    inside = ScenarioRun.objects.filter(state=ScenarioRun.State.ACTIVE)
    failed = ScenarioRun.objects.filter(state=ScenarioRun.State.FAILED)
    refused = RefusedDelivery.objects.filter(replayed_at=None, why=RefusedDelivery.Why.REFUSED)
    found = [
        _figure(t("Active scenarios"), Scenario.objects.filter(status=Scenario.Status.ACTIVE).count(), scenarios),
        _figure(t("Clients inside now"), _count(inside), f"{runs}?state__exact=active"),
    ]
    found += [
        _figure(t("Messages today: %(status)s") % {"status": label}, number, f"{messages}?status__exact={status}")
        for status, label, number in _today(today)
    ]
    found += [
        _figure(t("Failed runs"), _count(failed), reverse("admin:scenarios_problems"), bad=True),
        _figure(
            t("Refused deliveries"), _count(refused), reverse("admin:loyalty_refuseddelivery_changelist"), bad=True
        ),
        _figure(
            t("Promo code pools running dry"),
            len(promo.running_dry()),
            reverse("admin:loyalty_promopool_changelist"),
            bad=True,
        ),
    ]
    return found


def _today(start: datetime) -> list[tuple[str, str, int]]:
    """How many of the newest messages are of today, by status. Ids grow with time: no index on the time is needed."""
    newest = Message.objects.order_by("-pk").values("pk")[:ENOUGH]
    of_today = Message.objects.filter(pk__in=newest, created_at__gte=start)
    counted = dict(of_today.values_list("status").annotate(Count("pk")))
    return [(status.value, str(status.label), counted[status.value]) for status in Status if status.value in counted]


def _count(rows: Any) -> int:
    return rows[:ENOUGH].count()


def _figure(title: str, number: int, url: str, bad: bool = False) -> dict[str, Any]:
    shown = f"{ENOUGH}+" if number >= ENOUGH else str(number)
    return {"title": title, "number": shown, "url": url, "bad": bad and number > 0}
