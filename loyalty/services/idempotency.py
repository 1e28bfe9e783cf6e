"""One request, one effect, one answer, however often it is sent (semantics §36, contract §3)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from loyalty.models import IdempotentRequest

KEPT = timedelta(days=7)  # a till that was without network over a long week-end still gets the first answer


class KeyReused(Exception):
    """The key was used before for another request; that one's answer stands."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered: an HTTP status and JSON text."""

    status: int
    body: str
    replayed: bool = False


def once(api_key_id: int, key: str, fingerprint: str, work: Callable[[], Answer], now: datetime) -> Answer:
    """Does `work` in a transaction together with a note of its answer, or returns the noted one.

    Two at once: the second waits at the unique row until the first has committed, and gets its answer.
    An exception of `work` undoes everything, the note too: that request may be tried again with its key.
    Raises KeyReused where `fingerprint` is not the first request's.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO loyalty_idempotentrequest (api_key_id, key, fingerprint, body, created_at)
                   VALUES (%s, %s, %s, '', %s) ON CONFLICT DO NOTHING RETURNING id""",
                [api_key_id, key, fingerprint, now],
            )
            row = cursor.fetchone()
        if row is None:
            return _noted(api_key_id, key, fingerprint)
        answer = work()
        IdempotentRequest.objects.filter(pk=row[0]).update(status=answer.status, body=answer.body)
    return answer


def _noted(api_key_id: int, key: str, fingerprint: str) -> Answer:
    noted = IdempotentRequest.objects.get(api_key_id=api_key_id, key=key)
    if noted.fingerprint != fingerprint:
        raise KeyReused
    return Answer(noted.status or 500, noted.body, replayed=True)


def forget(now: datetime) -> int:
    """Deletes the notes older than `KEPT`; returns how many."""
    return IdempotentRequest.objects.filter(created_at__lt=now - KEPT).delete()[0]
