"""What goes wrong and needs somebody: the Problems page (semantics §55).

Every question is answered from an index or from the newest rows alone, so the page costs the same at any size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Max, Min

from loyalty.models import PromoPool, RefusedDelivery, UnreadEvent
from loyalty.services import promo
from messaging.models import Reason, Status
from scenarios.models import Scenario, ScenarioRun, WebhookCall

# Looked at: this many newest messages and log lines.
NEWEST = 20_000
# A channel fails when at least this share of its messages of the last day did, and at least so many.
FAILING_SHARE, FAILING_LEAST = 0.1, 5
# A scenario that let clients in has stopped when nobody entered for this long.
STOPPED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class FailedRuns:
    """Runs of one scenario that failed for good on one step with one error."""

    scenario: Scenario
    step_key: str
    error: str
    count: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel whose sends of the last day fail; `error` is the newest one."""

    channel: str
    failed: int
    attempted: int
    error: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """Messages of the last day that one step did not send for one reason which somebody can mend."""

    scenario_id: int
    step_key: str
    reason: str
    count: int
    error: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """An active scenario into which nobody enters any more."""

    scenario: Scenario
    last_entry: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that is wrong now."""

    failed: list[FailedRuns]
    channels: list[FailingChannel]
    withheld: list[Withheld]
    stopped: list[Stopped]
    pools: list[PromoPool]
    unread: int
    refused: int
    webhooks: int

    def __len__(self) -> int:
        lists = (self.failed, self.channels, self.withheld, self.stopped, self.pools)
        return sum(len(found) for found in lists) + bool(self.unread) + bool(self.refused) + bool(self.webhooks)


def find(now: datetime) -> Found:
    """What is wrong at `now` (UTC)."""
    return Found(
        failed=list(_failed()),
        channels=_channels(now),
        withheld=_withheld(now),
        stopped=list(_stopped(now)),
        pools=promo.running_dry(),
        unread=UnreadEvent.objects.filter(retry_at__isnull=False)[:NEWEST].count(),
        refused=RefusedDelivery.objects.filter(replayed_at=None, why=RefusedDelivery.Why.REFUSED)[:NEWEST].count(),
        webhooks=WebhookCall.objects.filter(state=WebhookCall.State.FAILED)[:NEWEST].count(),
    )


def failed_ids(scenario_id: int, step_key: str, error: str) -> list[int]:
    """The runs of one line of `Found.failed`."""
    runs = ScenarioRun.objects.filter(
        scenario=scenario_id, state=ScenarioRun.State.FAILED, step_key=step_key, error=error
    )
    return list(runs.values_list("pk", flat=True))


def _failed() -> Iterator[FailedRuns]:
    rows = list(
        ScenarioRun.objects.filter(state=ScenarioRun.State.FAILED)
        .exclude(scenario__status=Scenario.Status.ARCHIVED)
        .values("scenario", "step_key", "error")
        .annotate(count=Count("pk"), first=Min("finished_at"), last=Max("finished_at"))
        .order_by("-last")[:100]
    )
    scenarios = Scenario.objects.in_bulk({row["scenario"] for row in rows})
    for row in rows:
        yield FailedRuns(
            scenarios[row["scenario"]], row["step_key"], row["error"], row["count"], row["first"], row["last"]
        )


def _channels(now: datetime) -> list[FailingChannel]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT channel, count(*) FILTER (WHERE bad), count(*),
                      coalesce((array_agg(error ORDER BY id DESC) FILTER (WHERE bad))[1], '')
               FROM (SELECT id, channel, error, created_at,
                            status IN (%(failed)s, %(unknown)s) OR (status = %(queued)s AND reason = %(later)s) AS bad
                     FROM messaging_message WHERE status <> %(withheld)s ORDER BY id DESC LIMIT %(newest)s) AS m
               WHERE created_at > %(since)s GROUP BY channel ORDER BY channel""",
            {
                "failed": Status.FAILED,
                "unknown": Status.UNKNOWN,
                "queued": Status.QUEUED,
                "withheld": Status.WITHHELD,
                "later": Reason.PROVIDER_UNAVAILABLE,
                "newest": NEWEST,
                "since": now - timedelta(days=1),
            },
        )
        return [
            FailingChannel(channel, failed, attempted, error)
            for channel, failed, attempted, error in cursor.fetchall()
            if failed >= FAILING_LEAST and failed >= FAILING_SHARE * attempted
        ]


def _withheld(now: datetime) -> list[Withheld]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT scenario_id, step_key, reason, count(*), (array_agg(error ORDER BY id DESC))[1]
               FROM (SELECT * FROM messaging_message ORDER BY id DESC LIMIT %s) AS m
               WHERE status = %s AND reason = ANY(%s) AND created_at > %s AND scenario_id IS NOT NULL
               GROUP BY scenario_id, step_key, reason ORDER BY count(*) DESC LIMIT 100""",
            [NEWEST, Status.WITHHELD, MENDABLE, now - timedelta(days=1)],
        )
        return [Withheld(*row) for row in cursor.fetchall()]


# Reasons for which staff rather than the client decide.
MENDABLE = [Reason.RENDER_FAILED.value, Reason.FREQUENCY_CAP.value]


def _stopped(now: datetime) -> Iterator[Stopped]:
    active = Scenario.objects.filter(status=Scenario.Status.ACTIVE, live_release__isnull=False).in_bulk()
    if not active:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.id, e.last_entry FROM unnest(%s::bigint[]) AS s(id)
               JOIN LATERAL (
                 SELECT max(created_at) AS last_entry
                 FROM (SELECT kind, created_at FROM scenarios_runlog WHERE scenario_id = s.id
                       ORDER BY id DESC LIMIT %s) AS l
                 WHERE kind = 'entered') AS e ON e.last_entry < %s
               ORDER BY e.last_entry""",
            [list(active), NEWEST, now - STOPPED],
        )
        for scenario_id, last_entry in cursor.fetchall():
            yield Stopped(active[scenario_id], last_entry)
