"""Finding clients by what staff have at hand: a phone, an e-mail, a number, a name. Through indexes, ids first."""

from django.db.models import Q

from loyalty.intake.read import phone
from loyalty.models import Client, Identity
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
