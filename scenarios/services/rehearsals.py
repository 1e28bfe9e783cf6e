"""Rehearsals that staff order and a worker runs."""

import logging
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from scenarios.models import Rehearsal, Scenario
from scenarios.services import rehearsal

log = logging.getLogger(__name__)

# Figures older than this are of a draft that nobody remembers.
KEPT = timedelta(days=30)
# A rehearsal that runs for longer has lost its worker.
DEAD = timedelta(hours=1)


def order(scenario: Scenario, days: int, author: User | None, now: datetime) -> Rehearsal:
    """Orders a rehearsal of the draft over the last `days` (1 to 366). Raises ValidationError."""
    ordered = Rehearsal(scenario=scenario, days=days, author=author, ordered_at=now)
    ordered.clean_fields(exclude={column.name for column in Rehearsal._meta.fields} - {"days"})
    ordered.save()
    return ordered


def run_next(now: datetime) -> bool:
    """Runs the rehearsal that was ordered first; False where none waits. Two workers never run the same one.

    One whose worker died is taken up again after a while.
    """
    Rehearsal.objects.filter(ordered_at__lt=now - KEPT).delete()
    died = Rehearsal.objects.filter(state=Rehearsal.State.RUNNING, started_at__lt=now - DEAD)
    died.update(state=Rehearsal.State.ORDERED)
    with transaction.atomic():
        waiting = Rehearsal.objects.select_for_update(skip_locked=True, of=("self",)).select_related("scenario")
        ordered = waiting.filter(state=Rehearsal.State.ORDERED).order_by("pk").first()
        if ordered is None:
            return False
        ordered.state, ordered.started_at = Rehearsal.State.RUNNING, now
        ordered.save(update_fields=["state", "started_at"])

    def progress(done: int, whole: int) -> None:
        Rehearsal.objects.filter(pk=ordered.pk).update(done=done, whole=whole)

    try:
        figures = rehearsal.for_base(ordered.scenario, now, ordered.days, progress=progress)
    except (KeyError, TypeError, ValueError) as error:
        log.exception("a rehearsal failed", extra={"scenario": ordered.scenario_id})
        ordered.state, ordered.error = Rehearsal.State.FAILED, f"{type(error).__name__}: {error}"[:2000]
    else:
        ordered.figures = figures.as_data()
        ordered.state = Rehearsal.State.DONE
    ordered.finished_at = now
    ordered.save(update_fields=["state", "error", "figures", "finished_at"])
    return True
