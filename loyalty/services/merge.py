"""Making two clients one."""

from datetime import datetime

from django.db import transaction

from loyalty.models import AccessGrant, Cart, Consent, Event, Order, PromoCode, PromoIssue, PromoRedemption
from loyalty.services import confirmations, identity, ledger, places, quests, referrals


def merge(guest: int, into: int, now: datetime) -> None:
    """Moves everything of client `guest` to client `into`: names, history, carts, orders, consent, bonuses.

    The rooms above follow when they read the event `client.merged` that the caller records.
    Call inside a transaction. The guest's row stays, marked, so that old references keep their meaning.
    """
    with transaction.atomic():
        identity.mark_merged(guest, into)
        for model in (Event, Cart, Order, PromoCode, PromoIssue, PromoRedemption, AccessGrant):
            model._default_manager.filter(client_id=guest).update(client_id=into)
        # Copied, not moved: what the guest had said stays as evidence of its own.
        Consent.objects.bulk_create(
            [_of(consent, into) for consent in Consent.objects.filter(client_id=guest).order_by("pk")],
            ignore_conflicts=True,
        )
        confirmations.hand_over(guest, into, now)
        referrals.merge(guest, into, now)
        quests.merge(guest, into)
        places.merge(guest, into)
        ledger.move(guest, into, key=f"merge:{guest}", now=now)


def _of(consent: Consent, client_id: int) -> Consent:
    consent.pk, consent.client_id = None, client_id
    return consent
