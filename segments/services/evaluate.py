"""Applying conditions to clients."""

from collections.abc import Iterable
from datetime import datetime

from loyalty.models import Client
from segments.models import Condition


def matching(condition: Condition, client_ids: Iterable[int], now: datetime) -> set[int]:
    """Those of the clients for whom the condition holds at `now` (UTC): one query, however many they are."""
    found = Client.objects.filter(pk__in=list(client_ids)).filter(condition.predicate(now))
    return set(found.values_list("pk", flat=True))
