"""Addresses that only a channel itself can give: a chat with a bot, a browser. A signed link says whose they are."""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from loyalty.models import Client
from loyalty.services import consents
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.models import (
    ChannelAccount,
    ClientAddress,
    Suppression,
    TelegramAccount,
    VkAccount,
    WebPushAccount,
)
from messaging.models.topic import MARKETING
from messaging.tokens import Purpose


def telegram_link(account: TelegramAccount, client_id: int) -> str:
    """Where a client signs up: Telegram hands the token to the bot when they press Start."""
    return f"https://t.me/{account.username}?start={tokens.sign(Purpose.SIGN_UP, client_id)}"


def vk_link(account: VkAccount, client_id: int) -> str:
    """The same in VK: the token comes with the first message."""
    return f"https://vk.me/club{account.group_id}?ref={tokens.sign(Purpose.SIGN_UP, client_id)}"


def web_push_link(client_id: int) -> str:
    """The page on which a client lets a browser show what we say."""
    return f"{settings.PUBLIC_URL}/push/{tokens.sign(Purpose.SIGN_UP, client_id)}/"


def sign_up_links() -> dict[str, Callable[[int], str]]:
    """How the sign-up link of a client is made, for each channel that has an account in use: two queries."""
    found: dict[str, Callable[[int], str]] = {}
    accounts = ChannelAccount.objects.filter(active=True).order_by("-is_default", "pk")
    for account in accounts.instance_of(TelegramAccount, VkAccount, WebPushAccount):
        if account.channel in found:
            continue
        match account:
            case TelegramAccount():
                found[account.channel] = partial(telegram_link, account)
            case VkAccount():
                found[account.channel] = partial(vk_link, account)
            case WebPushAccount():
                found[account.channel] = web_push_link
    return found


def client_of(token: str) -> Client:
    """Whom a sign-up link is for. Raises tokens.Forged, and Client.DoesNotExist for one who is no longer there."""
    try:
        (client_id,) = tokens.read(Purpose.SIGN_UP, token)
    except ValueError:
        raise tokens.Forged from None
    client = Client.objects.select_related("merged_into").get(pk=client_id)
    return client.merged_into or client


def sign_up(client: Client, channel: str, value: str, device: str, evidence: Evidence, now: datetime) -> None:
    """Binds an address to the client, who asked for it by their own hand, and so agreed to be written to there.

    It takes the address over from whoever had it; a block that was lifted by coming back is forgotten.
    """
    with transaction.atomic():
        register(client.pk, channel, value, device, now)
        consents.say(client.pk, [(channel, MARKETING)], True, evidence, now)


def register(client_id: int, channel: str, value: str, device: str, now: datetime) -> int:
    """Binds an address to a client, whoever had it before; returns its id. Again, it is only seen again.

    What a provider or the client stopped goes on, for it works again; what staff stopped stays stopped.
    """
    told = {"client_id": client_id, "device": device[:200], "seen_at": now}
    with transaction.atomic():
        row, _new = ClientAddress.objects.update_or_create(
            channel=channel, value=value, defaults=told, create_defaults=told | {"created_at": now}
        )
        lifted = (Suppression.Kind.PROVIDER, Suppression.Kind.STOPPED)
        Suppression.objects.filter(channel=channel, address=value, kind__in=lifted).delete()
    return row.pk


def with_state(rows: QuerySet[ClientAddress]) -> QuerySet[ClientAddress]:
    """The rows with `active`: nothing forbids writing there."""
    stopped = Suppression.objects.filter(channel=OuterRef("channel"), address=OuterRef("value"))
    return rows.annotate(active=~Exists(stopped))


def switch_off(rows: Collection[ClientAddress], by: str, now: datetime) -> int:
    """Staff stop addresses, until staff let them go on; returns how many were in use."""
    made = [
        Suppression(channel=row.channel, address=row.value, kind=Suppression.Kind.STAFF, why=by[:300], since=now)
        for row in rows
        if row.active  # type: ignore[attr-defined]  # of `with_state`
    ]
    Suppression.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


def switch_on(rows: Collection[ClientAddress]) -> int:
    """Lets addresses be written to again, whoever stopped them; returns how many were stopped."""
    lifted = 0
    for row in rows:
        lifted += Suppression.objects.filter(channel=row.channel, address=row.value).delete()[0]
    return lifted


def owner(channel: str, value: str) -> int | None:
    """The client behind an address, by id."""
    return ClientAddress.objects.filter(channel=channel, value=value).values_list("client_id", flat=True).first()


def blocked(channel: str, value: str, why: str, now: datetime) -> None:
    """The owner of an address does not let us write there any more."""
    Suppression.objects.bulk_create(
        [Suppression(channel=channel, address=value, kind=Suppression.Kind.STOPPED, why=why[:300], since=now)],
        ignore_conflicts=True,
    )
