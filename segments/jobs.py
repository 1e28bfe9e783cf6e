"""Jobs of this room: each works off what is due and returns."""

from datetime import timedelta

from django.utils import timezone

from segments.services import dynamic, rfm

# A job gives its worker back after this long, whatever is left: the next tick goes on.
TURN = timedelta(minutes=5)
# A segment that was computed as a whole since then need not be again tonight.
TODAY = timedelta(hours=12)


def score() -> None:
    """Takes the RFM snapshot that is due by the clock or was asked for (semantics §46)."""
    rfm.recompute_due(timezone.now())


def refresh() -> None:
    """Makes dynamic segments true as of now, by what changed since the last time (semantics §45)."""
    now = timezone.now()
    for _moved in dynamic.pieces(now):
        if timezone.now() > now + TURN:
            break


def nightly() -> None:
    """Lets every dynamic segment be computed as a whole, so that what no event told (a product moved) comes true."""
    dynamic.rebuild_all(timezone.now(), older_than=TODAY)
