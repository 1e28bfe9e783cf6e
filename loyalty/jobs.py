"""Jobs of the ledger."""

from django.utils import timezone

from loyalty.services import ledger


def nightly() -> None:
    """Posts the burning of lapsed lots and warns of what burns soon; nothing spendable depends on it (§32)."""
    zone = timezone.get_default_timezone()
    while ledger.burn_lapsed(timezone.now(), zone):
        pass
    while ledger.warn_expiring(timezone.now(), zone):
        pass
