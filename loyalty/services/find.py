"""Finding clients by what staff have at hand: a phone, an e-mail, a number, a name. Through indexes, ids first."""

from datetime import datetime
from typing import Any

from django.db.models import Q, Sum

from loyalty.intake.read import phone
from loyalty.models import BonusLot, Client, Event, Identity, Source
from loyalty.services.programme import current


def client_ids(text: str, limit: int = 200) -> list[int]:
    """Ids of clients whose phone, e-mail, external id or own id is `text`, at most `limit`.

    A phone may be written in any way that the programme's region reads.
    """
    text = text.strip().replace("\x00", "")[:254]
    if not text:
        return []
    values = {text, text.lower()}
    number = phone(text, "phone", current().phone_region)
    if number and number.e164:
        values.add(number.e164)
    found = set(Identity.objects.filter(value__in=values, kind__in=NAMES).values_list("client_id", flat=True)[:limit])
    own = Q(email__in=values) | Q(phone__in=values)
    if text.isdecimal() and len(text) < 18:
        own |= Q(pk=int(text))
    found |= set(Client.objects.filter(own).values_list("pk", flat=True)[:limit])
    return sorted(found)[:limit]


# Kinds of names that staff know; anonymous ids are nobody's to type.
NAMES = (Identity.Kind.EXTERNAL, Identity.Kind.PHONE, Identity.Kind.EMAIL)


def named(text: str, limit: int = 200) -> list[int]:
    """Ids of clients whose first or last name begins with `text`, or both do with its two words."""
    words = text.strip().replace("\x00", "").split()[:2]
    if not words:
        return []
    if len(words) == 1:
        query = Q(first_name__istartswith=words[0]) | Q(last_name__istartswith=words[0])
    else:
        one, two = words
        query = Q(first_name__istartswith=one, last_name__istartswith=two)
        query |= Q(first_name__istartswith=two, last_name__istartswith=one)
    return list(Client.objects.filter(query).values_list("pk", flat=True)[:limit])


def event_ids(text: str, limit: int = 200) -> list[int]:
    """Ids of events whose own or external id is `text`. Few sources: each is looked up by its unique index."""
    text = text.strip().replace("\x00", "")[:200]
    if not text:
        return []
    sources = Source.objects.values_list("pk", flat=True)
    query = Q(source__in=list(sources), external_id=text)
    if text.isdecimal() and len(text) < 18:
        query |= Q(pk=int(text))
    return list(Event.objects.filter(query).values_list("pk", flat=True)[:limit])


def burning(client_id: int, now: datetime, limit: int = 10) -> list[dict[str, Any]]:
    """What of a client's bonuses burns next: `at` (UTC) and `amount`, soonest first."""
    lots = BonusLot.objects.filter(client=client_id, remaining__gt=0, expires_at__gt=now)
    grouped = lots.values("expires_at").annotate(amount=Sum("remaining")).order_by("expires_at")
    return [{"at": row["expires_at"], "amount": row["amount"]} for row in grouped[:limit]]
