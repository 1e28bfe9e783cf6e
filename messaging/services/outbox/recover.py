"""Resolving messages whose sender died between the call and the answer (semantics §20)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from messaging.channels import Answer, wire
from messaging.channels.base import Listed, accepted, later, unknown
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
        told = wire().run(_ask([(outlet_of[message.pk], message) for message in asked]))
        answers |= _recognised(dict(zip((message.pk for message in asked), told, strict=True)))
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


async def _ask(asked: Sequence[tuple[Outlet, Message]]) -> list[Answer | Listed]:
    return await asyncio.gather(*(outlet.way.find(message) for outlet, message in asked))


def _recognised(told: Mapping[int, Answer | Listed]) -> dict[int, Answer]:
    """Which of the messages at the provider is which of ours: one that is another's already is nobody else's."""
    listed = {pk: answer for pk, answer in told.items() if isinstance(answer, Listed)}
    answers = {pk: answer for pk, answer in told.items() if isinstance(answer, Answer)}
    ids = {provider_id for found in listed.values() for provider_id in (*found.same, *found.others)}
    taken = set(Message.objects.filter(provider_id__in=ids).values_list("provider_id", flat=True)) if ids else set()
    for pk in sorted(listed):
        found = listed[pk]
        if mine := next((provider_id for provider_id in found.same if provider_id not in taken), ""):
            taken.add(mine)
            answers[pk] = accepted(mine)
        elif set(found.others) - taken:
            # It may be this message, as the provider's template renders it.
            answers[pk] = unknown("the provider has another text", final=True)
        else:
            answers[pk] = later("the provider never got it")
    return answers


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
