"""What is known of a person: handed out to them, and erased at their word (152-ФЗ, GDPR art. 15, 17).

Erasing keeps what is nobody's any more: sums of the ledger and of orders, counts of events and messages, the words of
consent. Every room erases its own tables; `settings.PERSONAL_DATA` names them all.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import Model, Q
from django.utils.module_loading import import_string

from loyalty.models import (
    AccessGrant,
    BonusAccount,
    BonusEntry,
    BonusHold,
    BonusLot,
    BonusOperation,
    Cart,
    Client,
    ClientLevel,
    ClientLocation,
    Consent,
    ConsentRequest,
    Event,
    IdempotentRequest,
    Identity,
    LevelChange,
    Order,
    PromoCode,
    PromoIssue,
    PromoRedemption,
    PromoRefusal,
    QuestProgress,
    Referral,
    RefusedDelivery,
    SurveyAnswer,
    SurveyQuestion,
    SurveyReply,
)

Rows = list[dict[str, Any]]

# What an erased event still says: numbers and names of our own, by which messages are counted.
KEPT = ("message", "scenario", "step", "channel", "topic", "link_id")
_HELD = (
    Client,
    Identity,
    Consent,
    ConsentRequest,
    ClientLocation,
    Event,
    Cart,
    Order,
    AccessGrant,
    PromoCode,
    PromoIssue,
    PromoRedemption,
    PromoRefusal,
    BonusAccount,
    BonusOperation,
    BonusLot,
    BonusEntry,
    BonusHold,
    ClientLevel,
    LevelChange,
    QuestProgress,
    SurveyAnswer,
)
_HELD_BY_CLIENT = _HELD[1:]
# What identifies nobody and would only swell the file.
_NOT_TOLD = {"fingerprint", "raw"}


@dataclass(frozen=True, slots=True)
class Person:
    """One person: the client, the guests who became them, every phone and e-mail that they had, and their names."""

    client_ids: tuple[int, ...]
    addresses: tuple[str, ...]
    names: tuple[str, ...] = ()


class Room(Protocol):
    """A module that holds personal data."""

    def export(self, person: Person) -> Mapping[str, Rows]:
        """Everything of the person by table."""

    def erase(self, person: Person, now: datetime) -> None:
        """Erases it, in the caller's transaction."""


def person(client_id: int) -> Person:
    """The person behind a client. Raises Client.DoesNotExist."""
    client = Client.objects.get(pk=client_id)
    root = client.merged_into_id or client.pk
    found = list(Client.objects.filter(Q(pk=root) | Q(merged_into=root)).order_by("pk"))
    kinds = (Identity.Kind.PHONE, Identity.Kind.EMAIL)
    names = Identity.objects.filter(client__in=found, kind__in=kinds).values_list("value", flat=True)
    addresses = {value for one in found for value in (one.phone, one.phone_given, one.email)} | set(names)
    called = {word for one in found for word in (one.first_name, one.last_name)}
    return Person(tuple(one.pk for one in found), tuple(sorted(addresses - {""})), tuple(sorted(called - {""})))


def export(client_id: int) -> dict[str, Rows]:
    """Everything that is kept of a person, by table, as rows of plain values."""
    about = person(client_id)
    told: dict[str, Rows] = {}
    for room in _rooms():
        told |= room.export(about)
    return told


def erase(client_id: int, now: datetime) -> None:
    """Erases a person everywhere, all or nothing. Done again, it changes nothing. Raises Client.DoesNotExist."""
    with transaction.atomic():
        about = person(client_id)
        list(Client.objects.select_for_update().filter(pk__in=about.client_ids).order_by("pk"))
        # The rooms above first: they find their rows by what this one forgets.
        for room in reversed(_rooms()):
            room.erase(about, now)


def table(model: type[Model], **where: object) -> tuple[str, Rows]:
    """The rows of a model for an export."""
    fields = [field.attname for field in model._meta.concrete_fields if field.attname not in _NOT_TOLD]
    rows = model._default_manager.filter(**where).order_by("pk").values(*fields)
    return model._meta.db_table, list(rows)


def _rooms() -> list[Room]:
    return [import_string(path) for path in settings.PERSONAL_DATA]


class Loyalty:
    """This room's part."""

    def export(self, person: Person) -> Mapping[str, Rows]:
        """The profile, names, consents, history, orders, bonuses."""
        own = dict([table(Client, pk__in=person.client_ids)])
        held = [table(model, client__in=person.client_ids) for model in _HELD_BY_CLIENT]
        held.append(table(SurveyReply, answer__client__in=person.client_ids))
        name, brought = table(Referral, referrer__in=person.client_ids)
        # Who brought whom is of both; the other one's click is not told.
        held.append((name, brought + table(Referral, referee__in=person.client_ids)[1]))
        return own | dict(held)

    def erase(self, person: Person, now: datetime) -> None:
        """Leaves a client without a name, with their sums."""
        ids = list(person.client_ids)
        _erase_events(ids, person.addresses)
        _erase_reasons(ids, person)
        Identity.objects.filter(client__in=ids).delete()
        ClientLocation.objects.filter(client__in=ids).delete()
        Cart.objects.filter(client__in=ids).delete()
        Order.objects.filter(client__in=ids).update(anonymous_id="", cart_token="")
        AccessGrant.objects.filter(client__in=ids).update(link="", reason="")
        Consent.objects.filter(client__in=ids).update(ip=None, agent="")
        requests = ConsentRequest.objects.filter(client__in=ids)
        requests.filter(status=ConsentRequest.Status.WAITING).delete()
        requests.update(ip=None, agent="", closed_ip=None, closed_agent="")
        PromoRefusal.objects.filter(client__in=ids).update(said="", caller="")
        replies = SurveyReply.objects.filter(answer__in=SurveyAnswer.objects.filter(client__in=ids))
        replies.filter(kind=SurveyQuestion.Kind.TEXT).update(words="")
        _erase_found(person)
        kind = ContentType.objects.get_for_model(Client)
        for pk in ids:
            entries = LogEntry.objects.filter(content_type=kind, object_id=str(pk))
            entries.update(object_repr=f"#{pk}", change_message="")
        Client.objects.filter(pk__in=ids).update(
            phone="", phone_given="", phone_quality="", email="", first_name="", last_name="", birthday=None,
            gender="", zone="", store=None, attributes={}, erased_at=now,
        )  # fmt: skip


def _erase_events(ids: Collection[int], addresses: Collection[str]) -> None:
    with connection.cursor() as cursor:
        # The one thing that may change what happened (migration `erasure`).
        cursor.execute("SELECT set_config('loyalty.erasing', 'on', true)")
        cursor.execute(
            """UPDATE loyalty_event SET raw = NULL, anonymous_id = '',
                 external_id = CASE WHEN EXISTS (
                   SELECT FROM unnest(%s::text[]) AS a WHERE position(a in external_id) > 0)
                                    THEN 'erased:' || id ELSE external_id END,
                 payload = coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(payload)
                                     WHERE key = ANY(%s)), '{}')
               WHERE client_id = ANY(%s)""",
            [list(addresses), list(KEPT), list(ids)],
        )
        cursor.execute("SELECT set_config('loyalty.erasing', 'off', true)")


# Where a reason stands, and what is written by people there.
_REASONS = (("loyalty_bonusoperation", "author_id IS NOT NULL"), ("loyalty_bonushold", "false"))


def _erase_reasons(ids: Collection[int], person: Person) -> None:
    """What staff wrote beside bonuses, and whatever else names the person there; sums and keys stay as posted."""
    words = [*person.addresses, *person.names]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('loyalty.erasing', 'on', true)")
        for table_name, by_hand in _REASONS:
            cursor.execute(
                f"""UPDATE {table_name} SET reason = '' WHERE client_id = ANY(%s) AND reason <> '' AND ({by_hand}
                      OR EXISTS (SELECT FROM unnest(%s::text[]) AS w WHERE position(lower(w) IN lower(reason)) > 0))""",  # noqa: S608 (fixed texts)
                [list(ids), words],
            )
        cursor.execute("SELECT set_config('loyalty.erasing', 'off', true)")


def _erase_found(person: Person) -> None:
    """Deliveries that were refused, answers that were kept and the history of the admin name people in texts alone."""
    for address in person.addresses:
        RefusedDelivery.objects.filter(Q(body__icontains=address) | Q(headers__icontains=address)).delete()
        IdempotentRequest.objects.filter(body__contains=address).update(body="{}")
        # Searches and files of the admin, with what they were asked for.
        for column in ("object_repr", "change_message"):
            LogEntry.objects.filter(**{f"{column}__icontains": address}).update(**{column: "…"})
            LogEntry.objects.filter(**{f"{column}__icontains": quote(address)}).update(**{column: "…"})
    for client_id in person.client_ids:
        # The answer to whoever made the client over the API.
        IdempotentRequest.objects.filter(body__startswith=f'{{"id":{client_id},"external_ids"').update(body="{}")


LOYALTY = Loyalty()
