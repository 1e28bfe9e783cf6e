"""Allowing a client to enter once more what is entered once ever, a chain above all (semantics §28)."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from scenarios.models import Again, Scenario


def enters_once(scenario: Scenario) -> bool:
    """Whether a client enters the scenario once ever: then staff may allow it again."""
    return scenario.kind == Scenario.Kind.CHAIN or scenario.reentry == Scenario.Reentry.ONCE


def allow_again(scenario: Scenario, client_id: int, author: User | None, now: datetime) -> int:
    """Allows one more entry; returns how many were allowed in all. Who allowed the last one and when is kept."""
    with transaction.atomic():
        row, created = Again.objects.select_for_update().get_or_create(
            scenario=scenario, client_id=client_id, defaults={"author": author, "allowed_at": now}
        )
        if not created:
            row.times, row.author, row.allowed_at = row.times + 1, author, now
            row.save(update_fields=["times", "author", "allowed_at"])
    return row.times
