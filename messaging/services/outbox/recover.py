"""Resolving messages whose sender died between the call and the answer (semantics §20)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from messaging.channels import Answer, wire
from messaging.channels.base import accepted, later, unknown
from messaging.models import Message, Status
from messaging.services.accounts import Outlet, outlets
from messaging.services.outbox.settle import Answered, settle

# How long a claimed message may take before its sender is taken for dead: longer than any provider's timeout.
LEASE = timedelta(minutes=2)


def recover(now: datetime, limit: int = 100) -> int:
    """Resolves messages whose sender died; returns how many.

    Where the provider can be asked, its answer counts: sent, or never received and so queued again. Where it cannot,
    the message is unknown, for staff to see.
    """
    stuck = _claim(now, limit)
    if not stuck:
        return 0
    ways = outlets()
    outlet_of = {message.pk: ways.exactly(message.channel, message.account_id) for message in stuck}
    stored = [message for message in stuck if outlet_of[message.pk].way.transactional]
    asked = [message for message in stuck if not outlet_of[message.pk].way.transactional]
    answers = {message.pk: _stored(outlet_of[message.pk], message) for message in stored}
    if asked:
        taken = _known(asked)
        told = wire().run(
            _ask([(outlet_of[message.pk], message, taken.get(message.client_id, set())) for message in asked])
        )
        answers |= {message.pk: answer for message, answer in zip(asked, told, strict=True)}
    with transaction.atomic():
        settle([Answered(outlet_of[message.pk], message, answers[message.pk]) for message in stuck], now)
    return len(stuck)


def _stored(outlet: Outlet, message: Message) -> Answer:
    match outlet.way.stored(message):
        case True:
            return accepted()
        case False:
            return later("never sent")
        case _:
            return unknown("nobody can be asked")


async def _ask(asked: Sequence[tuple[Outlet, Message, set[str]]]) -> list[Answer]:
    found = await asyncio.gather(*(outlet.way.find(message, known) for outlet, message, known in asked))
    return [answer or unknown("nobody can be asked") for answer in found]


def _claim(now: datetime, limit: int) -> list[Message]:
    """Takes stuck messages for another lease, so that nobody else asks about them, and asks outside a transaction."""
    with transaction.atomic():
        stuck = list(
            Message.objects.select_for_update(skip_locked=True)
            .filter(status=Status.SENDING, claimed_at__lte=now - LEASE)
            .order_by("claimed_at")[:limit]
        )
        Message.objects.filter(pk__in=[message.pk for message in stuck]).update(claimed_at=now)
    return stuck


def _known(stuck: Sequence[Message]) -> dict[int | None, set[str]]:
    """The ids at providers that are other messages of the same clients."""
    clients = {message.client_id for message in stuck}
    since = min(message.created_at for message in stuck) - timedelta(days=1)
    found: dict[int | None, set[str]] = {}
    newer = Message.objects.filter(client__in=clients - {None}, created_at__gte=since).exclude(provider_id="")
    for client_id, provider_id in newer.values_list("client_id", "provider_id"):
        found.setdefault(client_id, set()).add(provider_id)
    return found
