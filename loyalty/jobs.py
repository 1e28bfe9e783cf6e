"""Jobs of the ledger."""

from django.utils import timezone

from loyalty.services import ledger


def nightly() -> None:
    """Posts the burning of lapsed lots: bookkeeping, nothing spendable depends on it (semantics §32)."""
    while ledger.burn_lapsed(timezone.now()):
        pass
