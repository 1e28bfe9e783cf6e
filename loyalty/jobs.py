"""Jobs of this room."""

from django.utils import timezone

from loyalty.services import idempotency, ledger


def nightly() -> None:
    """Posts the burning of lapsed lots and warns of what burns soon; nothing spendable depends on it (§32).

    Answers that nobody will ask for again are forgotten.
    """
    zone = timezone.get_default_timezone()
    while ledger.burn_lapsed(timezone.now(), zone):
        pass
    while ledger.warn_expiring(timezone.now(), zone):
        pass
    idempotency.forget(timezone.now())
