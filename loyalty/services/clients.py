"""What facts teach about the clients themselves: profile and consent."""

from datetime import datetime

from loyalty.intake.facts import Fact, Phone, Profile
from loyalty.models import Client, Consent, Source, Store
from loyalty.services import confirmations, rows

_PLAIN = ("first_name", "last_name", "birthday", "gender", "zone", "language")
_WRITTEN = (
    *_PLAIN,
    "phone",
    "phone_given",
    "phone_quality",
    "email",
    "attributes",
    "registered_at",
    "store",
    "profile_changed_at",
)
_COLUMNS = tuple("store_id" if name == "store" else name for name in _WRITTEN)


def apply(source: Source, facts: list[tuple[Fact, int | None]], created: set[int], now: datetime) -> None:
    """Writes the clients in `created` and what the facts tell of others, and adds consent rows; agreements that
    are to be confirmed wait (`confirmations`).

    Of two facts about one client the later event wins.
    """
    told: dict[int, list[Fact]] = {client_id: [] for client_id in created}
    for fact, client_id in facts:
        if client_id is not None and (fact.profile or client_id in created or fact.who.phone or fact.who.email):
            told.setdefault(client_id, []).append(fact)
    stores = _stores(facts)
    _create(created, told, stores, now)
    _update({client_id: news for client_id, news in told.items() if client_id not in created}, stores)
    heard = [
        {
            "client_id": client_id,
            "channel": consent.channel,
            "topic": consent.topic,
            "granted": consent.granted,
            "source_id": source.pk,
            "evidence": consent.evidence,
            "given_at": consent.given_at or fact.occurred_at,
        }
        for fact, client_id in facts
        if client_id is not None
        for consent in fact.consents
    ]
    if heard:
        rows.insert(Consent, confirmations.hold(heard, source, now), "DO NOTHING")


def _stores(facts: list[tuple[Fact, int | None]]) -> dict[str, int]:
    """The stores that the facts name, by their codes."""
    codes = {fact.profile.store for fact, _client in facts if fact.profile and fact.profile.store}
    return dict(Store.objects.filter(slug__in=codes).values_list("slug", "pk")) if codes else {}


def _create(created: set[int], told: dict[int, list[Fact]], stores: dict[str, int], now: datetime) -> None:
    made = [Client(pk=client_id, created_at=now) for client_id in sorted(created)]
    for client in made:
        _tell_all(client, told[client.pk], stores)
    rows.insert(
        Client,
        [{"id": client.pk, "created_at": now} | {name: getattr(client, name) for name in _COLUMNS} for client in made],
    )


def _update(told: dict[int, list[Fact]], stores: dict[str, int]) -> None:
    if not told:
        return
    changed = []
    for client in rows.locked(Client, "id = ANY(%s)", [list(told)], order="id"):
        before = [getattr(client, name) for name in _COLUMNS]
        before[_COLUMNS.index("attributes")] = dict(client.attributes)
        _tell_all(client, told[client.pk], stores)
        if [getattr(client, name) for name in _COLUMNS] != before:
            changed.append(client)
    rows.update(changed, _WRITTEN)


def _tell_all(client: Client, news: list[Fact], stores: dict[str, int]) -> None:
    for fact in sorted(news, key=lambda fact: fact.occurred_at):
        _tell(client, fact, stores)


def _tell(client: Client, fact: Fact, stores: dict[str, int]) -> None:
    late = client.profile_changed_at is not None and fact.occurred_at < client.profile_changed_at
    if fact.who.phone and (fact.who.phone.e164 or not client.phone) and not (late and client.phone):
        set_phone(client, fact.who.phone)
    if fact.who.email and not (late and client.email):
        client.email = fact.who.email
    if fact.profile:
        _tell_profile(client, fact.profile, late)
        store = stores.get(fact.profile.store)
        if store and not (late and client.store_id):
            client.store_id = store
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
