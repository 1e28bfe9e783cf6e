"""Waiting for an event, or for its staying away."""

from collections.abc import Collection, Sequence
from datetime import datetime

import orjson
from django.db import connection, models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.event_names import event_label
from scenarios import properties
from scenarios.durations import Unit, in_words, length
from scenarios.steps.forking import Forking, NewWay, Way
from scenarios.steps.outcomes import Batch, Outcome, RunView


class WaitForEvent(Forking):
    """Waits until an event happens; two branches: it happened, or the time ran out (semantics §11).

    The event wakes the run through an index (`engine/wake.py`), so waiting costs nothing. What decides are the events
    themselves, by their own times: one that was told late, or while the run slept on, counts just the same.
    """

    icon = "notification_important"
    open_ended = False

    class Since(models.TextChoices):
        WAIT = "wait", _("after the client comes to this step")
        ENTRY = "entry", _("after the entry into the scenario")

    event_name = models.CharField(_("event"), max_length=100)
    timeout = models.PositiveIntegerField(_("wait at most"), default=1)
    timeout_unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.DAYS)
    filters = models.JSONField(_("only if the event says"), default=list, blank=True, validators=[properties.check])
    since = models.CharField(_("an event counts"), max_length=5, choices=Since, default=Since.WAIT)

    class Meta:
        verbose_name = _("wait for an event")
        verbose_name_plural = _("waits for events")

    @classmethod
    def new_ways(cls) -> Sequence[NewWay]:
        return (NewWay(), NewWay(is_default=True))

    def sentence(self) -> str:
        event = properties.with_filters(event_label(self.event_name), self.filters)
        words = {"event": event, "time": in_words(self.timeout, self.timeout_unit)}
        return t("Wait for %(event)s, %(time)s at most") % words

    def way_title(self, way: Way, condition: str) -> str:
        return way.label or (t("It did not happen in time") if way.is_default else t("It happened"))

    def awaits(self) -> Collection[str]:
        return (self.event_name,)

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        happened, ran_out = (way.key for way in self.ways())
        limit = length(self.timeout, self.timeout_unit)
        ends = {run.id: run.waiting_until or (run.waiting_since or now) + limit for run in batch.runs}
        found = self._found(batch.runs, ends, now)
        outcomes = []
        for run in batch.runs:
            at = found.get(run.id)
            if at is not None and at <= now:
                outcomes.append(Outcome(branch=happened))
            elif ends[run.id] <= now:
                outcomes.append(Outcome(branch=ran_out, reason="timed_out"))
            else:
                # An event whose clock runs ahead of ours counts when its time comes.
                outcomes.append(Outcome(until=ends[run.id], again=at))
        return outcomes

    def _found(self, runs: Sequence[RunView], ends: dict[int, datetime], now: datetime) -> dict[int, datetime]:
        """When the first event that counts happened, by run."""
        first = "" if self.filters else "LIMIT 1"
        payload = "payload" if self.filters else "NULL"
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT w.run_id, e.occurred_at, {payload}
                   FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::bigint[])
                          AS w(run_id, client_id, since, until, started_by)
                   JOIN LATERAL (
                     SELECT occurred_at, payload FROM loyalty_event
                     WHERE client_id = w.client_id AND name = %s AND occurred_at BETWEEN w.since AND w.until
                       AND id IS DISTINCT FROM w.started_by
                     ORDER BY occurred_at {first}) AS e ON true
                   ORDER BY e.occurred_at DESC""",  # noqa: S608 (fixed texts)
                [
                    [run.id for run in runs],
                    [run.client_id for run in runs],
                    [self._since(run, now) for run in runs],
                    [ends[run.id] for run in runs],
                    [run.context.get("event") for run in runs],
                    self.event_name,
                ],
            )
            # Of several the earliest is written last.
            return {
                run_id: at
                for run_id, at, payload in cursor.fetchall()
                if not self.filters or properties.hold(self.filters, orjson.loads(payload))
            }

    def _since(self, run: RunView, now: datetime) -> datetime:
        if self.since == self.Since.WAIT:
            return run.waiting_since or now
        since = run.context.get("since")
        return datetime.fromisoformat(since) if since else run.entered_at
