"""What facts teach about the clients themselves: profile and consent."""

from datetime import datetime

from loyalty.intake.facts import Fact, Phone, Profile
from loyalty.models import Client, Consent, Source

_PLAIN = ("first_name", "last_name", "birthday", "gender", "zone", "language")
_WRITTEN = [
    *_PLAIN,
    "phone",
    "phone_given",
    "phone_quality",
    "email",
    "attributes",
    "registered_at",
    "profile_changed_at",
]


def apply(source: Source, facts: list[tuple[Fact, int | None]], created: set[int], now: datetime) -> None:
    """Updates profiles and adds consent rows for new facts; of two facts about one client the later event wins."""
    told: dict[int, list[Fact]] = {}
    for fact, client_id in facts:
        if client_id is not None and (fact.profile or client_id in created or fact.who.phone or fact.who.email):
            told.setdefault(client_id, []).append(fact)
    if told:
        _update(told)
    Consent.objects.bulk_create(
        [
            Consent(
                client_id=client_id,
                channel=consent.channel,
                topic=consent.topic,
                granted=consent.granted,
                source=source,
                evidence=consent.evidence,
                given_at=consent.given_at or fact.occurred_at,
            )
            for fact, client_id in facts
            if client_id is not None
            for consent in fact.consents
        ],
        ignore_conflicts=True,
    )


def _update(told: dict[int, list[Fact]]) -> None:
    # Locked in id order, as everywhere: two batches about the same clients queue, they never deadlock.
    rows = Client.objects.select_for_update(no_key=True).filter(pk__in=told).order_by("pk")
    changed = []
    for client in rows:
        before = [getattr(client, name) for name in _WRITTEN]
        before[_WRITTEN.index("attributes")] = dict(client.attributes)
        for fact in sorted(told[client.pk], key=lambda fact: fact.occurred_at):
            _tell(client, fact)
        if [getattr(client, name) for name in _WRITTEN] != before:
            changed.append(client)
    if changed:
        Client.objects.bulk_update(changed, _WRITTEN)


def _tell(client: Client, fact: Fact) -> None:
    late = client.profile_changed_at is not None and fact.occurred_at < client.profile_changed_at
    if fact.who.phone and (fact.who.phone.e164 or not client.phone) and not (late and client.phone):
        set_phone(client, fact.who.phone)
    if fact.who.email and not (late and client.email):
        client.email = fact.who.email
    if fact.profile:
        _tell_profile(client, fact.profile, late)
        if not late:
            client.profile_changed_at = fact.occurred_at


def _tell_profile(client: Client, profile: Profile, late: bool) -> None:
    for name in _PLAIN:
        value = getattr(profile, name)
        # Late news fills gaps and overwrites nothing.
        if value and not (late and getattr(client, name)):
            setattr(client, name, value)
    client.attributes = profile.attributes | client.attributes if late else client.attributes | profile.attributes
    if profile.registered_at and (client.registered_at is None or profile.registered_at < client.registered_at):
        client.registered_at = profile.registered_at


def set_phone(client: Client, phone: Phone) -> None:
    """Takes a phone as given together with what could be made of it."""
    client.phone, client.phone_given, client.phone_quality = phone.e164, phone.given[:100], phone.quality
