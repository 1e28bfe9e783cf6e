"""The dates of a client, or of what a run knows, that a wait may be relative to."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.db import connection
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from loyalty.services import zones
from loyalty.services.birthdays import celebrated
from scenarios.steps.outcomes import Batch, RunView


class DateOf(TextChoices):
    GIVEN = "given", _("a given date")
    BIRTHDAY = "birthday", _("the client's next birthday")
    REGISTERED = "registered_at", _("the day of registration")
    ATTRIBUTE = "attribute", _("a date in the client's attribute")
    PROMO = "promo", _("the last day of the promo code")
    EVENT = "event", _("a date in the event that started the scenario")


def days(date_of: str, name: str, given: date | None, batch: Batch, runs: Sequence[RunView]) -> Mapping[int, date]:
    """The days by run, as the client's calendar shows them; absent where there is none. Birthdays as given.

    `name` is the attribute's or the event property's name. One query at most.
    """
    where = {run.id: zones.named(batch.clients[run.client_id].zone) for run in runs}
    match date_of:
        case DateOf.GIVEN:
            return {run.id: given for run in runs} if given else {}
        case DateOf.BIRTHDAY | DateOf.REGISTERED:
            found = _columns(date_of, [run.client_id for run in runs])
            return _read(runs, where, lambda run: found.get(run.client_id))
        case DateOf.ATTRIBUTE:
            return _read(runs, where, lambda run: orjson.loads(batch.clients[run.client_id].attributes).get(name))
        case DateOf.PROMO:
            return _read(runs, where, lambda run: run.context.get("promo", {}).get("until"))
        case DateOf.EVENT:
            payloads = _payloads([int(run.context["event"]) for run in runs if run.context.get("event")])
            return _read(runs, where, lambda run: payloads.get(run.context.get("event"), {}).get(name))
        case _:
            return {}


def as_day(value: Any, where: ZoneInfo) -> date | None:
    """A date, a moment, or either in ISO 8601, as a day in that zone; None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value.astimezone(where) if value.tzinfo else value).date()
    return value if isinstance(value, date) else None


def next_yearly(day: date, after: date) -> date:
    """The day's next return, on `after` at the earliest; 29 February is 28 February in common years (semantics §7)."""
    for year in (after.year, after.year + 1):
        back = celebrated(day, year)
        if back >= after:
            return back
    raise ValueError(f"day: {day} does not return")


def _read(
    runs: Sequence[RunView], where: Mapping[int, ZoneInfo], value: Callable[[RunView], Any]
) -> Mapping[int, date]:
    found = {run.id: as_day(value(run), where[run.id]) for run in runs}
    return {run_id: day for run_id, day in found.items() if day}


def _columns(column: str, client_ids: Sequence[int]) -> dict[int, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {'birthday' if column == DateOf.BIRTHDAY else 'registered_at'} FROM loyalty_client"  # noqa: S608
            " WHERE id = ANY(%s)",
            [list(client_ids)],
        )
        return dict(cursor.fetchall())


def _payloads(event_ids: Sequence[int]) -> dict[Any, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, payload FROM loyalty_event WHERE id = ANY(%s)", [list(event_ids)])
        return {event_id: orjson.loads(payload) for event_id, payload in cursor.fetchall()}
