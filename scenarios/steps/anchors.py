"""The moments from which a wait is counted (mechanics A22)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from scenarios.steps.outcomes import RunView


class CountedFrom(TextChoices):
    NOW = "now", _("the moment the client comes to this step")
    ENTRY = "entry", _("the entry into the scenario")
    PURCHASE = "purchase", _("the client's last purchase")
    ACCRUAL = "accrual", _("the last accrual in this run")
    MESSAGE = "message", _("the moment the last message of this run was sent")


# The same in the middle of a sentence: "Wait 2 days after the last purchase".
AFTER: dict[str, Promise] = {
    CountedFrom.ENTRY: _("after the entry"),
    CountedFrom.PURCHASE: _("after the last purchase"),
    CountedFrom.ACCRUAL: _("after the last accrual"),
    CountedFrom.MESSAGE: _("after the last message was sent"),
}


def moments(counted_from: str, runs: Sequence[RunView], now: datetime) -> Mapping[int, datetime]:
    """The moments by run, in one query at most. Where there was no such thing, the run is absent."""
    match counted_from:
        case CountedFrom.ENTRY:
            return {run.id: run.entered_at for run in runs}
        case CountedFrom.PURCHASE:
            bought = dict(_rows(_PURCHASES, [run.client_id for run in runs], now))
            return {run.id: bought[run.client_id] for run in runs if run.client_id in bought}
        case CountedFrom.ACCRUAL:
            return dict(_rows(_ACCRUALS, [run.id for run in runs], now, min(run.entered_at for run in runs)))
        case CountedFrom.MESSAGE:
            return dict(_rows(_MESSAGES, [run.id for run in runs], now))
        case _:
            return {run.id: run.waiting_since if run.waiting and run.waiting_since else now for run in runs}


_PURCHASES = """SELECT client_id, max(ordered_at) FROM loyalty_order
                WHERE client_id = ANY(%(ids)s) AND ordered_at <= %(now)s AND status <> 'cancelled' GROUP BY client_id"""
_ACCRUALS = """SELECT run_id, max(created_at) FROM scenarios_runlog
               WHERE run_id = ANY(%(ids)s) AND created_at BETWEEN %(since)s AND %(now)s AND bonuses > 0
               GROUP BY run_id"""
# The last message alone. One that is still on its way counts from now, so that the run comes back and looks again;
# one that is never sent does not count.
_MESSAGES = """SELECT run_id, coalesce(sent_at, now) FROM (
                 SELECT DISTINCT ON (run_id) run_id, sent_at, status, moment.now
                 FROM messaging_message, (SELECT %(now)s::timestamptz) AS moment(now)
                 WHERE run_id = ANY(%(ids)s) ORDER BY run_id, id DESC) AS last
               WHERE sent_at IS NOT NULL OR status IN ('queued', 'sending')"""


def _rows(sql: str, ids: Sequence[int], now: datetime, since: datetime | None = None) -> list[tuple[int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"ids": list(ids), "now": now, "since": since})
        return cursor.fetchall()
