"""Pausing, archiving, restoring (semantics §15)."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as t

from scenarios.engine import leave, scan, wake
from scenarios.engine.flow import flow
from scenarios.models import EntryClock, Scenario


class WrongState(Exception):
    """The scenario is not in a state from which this can be done; the words are in the current language."""


def _change(scenario: Scenario, allowed: set[str], to: str) -> Scenario:
    locked = Scenario.objects.select_for_update().get(pk=scenario.pk)
    if locked.status not in allowed:
        raise WrongState(
            t("«%(scenario)s» is %(status)s now.") % {"scenario": locked.name, "status": locked.get_status_display()}
        )
    locked.status = to
    locked.save(update_fields=["status"])
    scenario.status = to
    return locked


def pause(scenario: Scenario, now: datetime) -> None:
    """No entries and no sends; timers run on. Raises `WrongState`."""
    with transaction.atomic():
        _change(scenario, {Scenario.Status.ACTIVE}, Scenario.Status.PAUSED)


def resume(scenario: Scenario, now: datetime) -> None:
    """Goes on after a pause: messages later than the scenario's `overdue_hours` will be skipped with a reason.

    Raises `WrongState`, also where nothing was ever published.
    """
    with transaction.atomic():
        locked = _change(scenario, {Scenario.Status.PAUSED}, Scenario.Status.ACTIVE)
        if locked.live_release_id is None:
            raise WrongState(t("Publish the scenario first: it has no release yet."))
        locked.stale_before = now - timedelta(hours=locked.overdue_hours)
        locked.save(update_fields=["stale_before"])
        scan.restart(locked.pk, now)
        wake.look_again(locked.pk, flow(locked.live_release_id), now)


def archive(scenario: Scenario, now: datetime) -> int:
    """Stops every run, forgets waiting entries and hides the scenario; returns how many runs were stopped."""
    with transaction.atomic():
        locked = _change(
            scenario,
            {Scenario.Status.DRAFT, Scenario.Status.ACTIVE, Scenario.Status.PAUSED},
            Scenario.Status.ARCHIVED,
        )
        EntryClock.objects.filter(scenario=locked).delete()
        return leave.stop_all(locked.pk, "archived", now)


def restore(scenario: Scenario, now: datetime) -> None:
    """Brings an archived scenario back, paused (a never published one: as a draft); runs are not revived."""
    with transaction.atomic():
        published = Scenario.objects.filter(pk=scenario.pk, live_release__isnull=False).exists()
        _change(scenario, {Scenario.Status.ARCHIVED}, Scenario.Status.PAUSED if published else Scenario.Status.DRAFT)
