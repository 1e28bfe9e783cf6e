"""Jobs of this room: each works off what is due and returns."""

from django.utils import timezone

from segments.services import rfm


def score() -> None:
    """Takes the RFM snapshot that is due by the clock or was asked for (semantics §46)."""
    rfm.recompute_due(timezone.now())
