"""Keeping guessers out: wrong codes are counted by caller and by client, in PostgreSQL (semantics §42).

Nothing here depends on Redis, so its absence neither opens the gate nor closes it.
"""

import logging
from datetime import datetime, timedelta

from loyalty.models import PromoRefusal
from loyalty.services.promo.offer import PromoRefused, Reason

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=10)
# Wrong codes in one window. One client mistypes a few; a caller is a till or a site with many clients.
PER_CLIENT = 10
PER_CALLER = 200
KEPT = timedelta(days=90)

# Refusals that a guesser would cause; one's own code that has run out is no guess.
_GUESSES = (Reason.UNKNOWN, Reason.FOREIGN)


def admit(caller: str, client_id: int | None, now: datetime) -> None:
    """Raises PromoRefused where the caller or the client has tried too many wrong codes lately.

    Not stored, or the log of refusals would grow as fast as somebody guesses.
    """
    recent = PromoRefusal.objects.filter(refused_at__gt=now - WINDOW, reason__in=_GUESSES)
    by_client = client_id is not None and recent.filter(client=client_id)[:PER_CLIENT].count() >= PER_CLIENT
    if by_client or (caller and recent.filter(caller=caller)[:PER_CALLER].count() >= PER_CALLER):
        log.warning("promo codes are being guessed", extra={"caller": caller, "client": client_id})
        raise PromoRefused(Reason.THROTTLED)


def note(said: str, reason: str, caller: str, client_id: int | None, now: datetime) -> None:
    """Writes down a refusal, for staff and for `admit`."""
    if reason == Reason.THROTTLED:
        return
    said = "".join(letter for letter in said if letter.isprintable())[:64]
    PromoRefusal.objects.create(said=said, reason=reason, caller=caller[:100], client_id=client_id, refused_at=now)


def forget(now: datetime) -> int:
    """Deletes refusals that nobody looks at any more; returns how many."""
    return PromoRefusal.objects.filter(refused_at__lt=now - KEPT).delete()[0]
