"""What providers report of our messages: delivered, failed, complained, opened (semantics §21, §26).

Reports may come twice, in any order, and before the answer to the call that sent the message: each is kept as it came
and applied to what the message is by then.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from loyalty.intake.facts import Fact
from loyalty.services import rows, stream
from loyalty.services.consents import Evidence
from messaging.models import Message, Reason, Recipient, Report, Status, Suppression, Touch
from messaging.services import deeds, links, machines, subscriptions
from messaging.services.links import Place
from messaging.services.subscriptions import Visitor

Kind = Report.Kind
# A report whose message is not known yet, or still being sent, is looked at again after this, and forgotten after that.
AGAIN = timedelta(seconds=10)
FORGOTTEN = timedelta(days=1)

_OUR_ID = re.compile(r"<?loyalty-(\d{1,18})@")
_CHANGED = ("status", "reason", "error", "sent_at", "delivered_at")


def keep(reports: Sequence[Report]) -> None:
    """Stores reports, to be applied by `apply`."""
    Report.objects.bulk_create(reports)


def report(kind: str, provider_id: str, at: datetime, now: datetime, **values: object) -> Report:
    """A report, not stored yet; texts are cut to what is kept."""
    # PostgreSQL keeps no NUL, whoever sends one.
    clean = {name: value.replace("\x00", "") if isinstance(value, str) else value for name, value in values.items()}
    provider_id = provider_id.replace("\x00", "")
    made = Report(kind=kind, provider_id=provider_id[:200], at=at, received_at=now, due_at=now, **clean)
    made.detail, made.agent = made.detail[:500], made.agent[:300]
    if made.message_id is None and (own := _OUR_ID.match(provider_id)):
        made.message_id = int(own[1])
    return made


def apply(now: datetime, limit: int = 1000) -> int:
    """Applies reports that are due, set-based; returns how many were taken. A doubled job takes others."""
    with transaction.atomic():
        due = list(
            Report.objects.filter(due_at__lte=now).order_by("due_at", "pk").select_for_update(skip_locked=True)[:limit]
        )
        if not due:
            return 0
        messages = _messages(due)
        facts: dict[str, tuple[Fact, int]] = {}
        suppressed: dict[tuple[str, str], tuple[str, str]] = {}
        touches: list[tuple[Report, Message]] = []
        later: list[Report] = []
        changed: dict[int, Message] = {}
        for one in due:
            message = messages.get(one.pk)
            if message is None or message.status in (Status.QUEUED, Status.SENDING):
                if one.received_at > now - FORGOTTEN:
                    later.append(one)
                continue
            if one.kind in (Kind.OPENED, Kind.CLICKED):
                touches.append((one, message))
                continue
            if one.kind == Kind.COMPLAINED or (one.kind == Kind.FAILED and one.permanent):
                bad = Suppression.Kind.COMPLAINT if one.kind == Kind.COMPLAINED else Suppression.Kind.PROVIDER
                suppressed.setdefault((message.channel, message.address), (bad, one.detail))
            if one.kind in (Kind.COMPLAINED, Kind.UNSUBSCRIBED):
                _refuse(message, one, now)
            fact = _moved(message, one)
            changed[message.pk] = message
            if fact and message.client_id is not None:
                facts.setdefault(fact.external_id, (fact, message.client_id))
        rows.update(list(changed.values()), _CHANGED)
        stream.append(stream.platform(), [fact for fact, _ in facts.values()], [who for _, who in facts.values()], now)
        _touch(touches, now)
        Suppression.objects.bulk_create(
            [
                Suppression(channel=channel, address=address, kind=kind, why=why[:300], since=now)
                for (channel, address), (kind, why) in suppressed.items()
                if address
            ],
            ignore_conflicts=True,
        )
        Report.objects.filter(pk__in=[one.pk for one in later]).update(due_at=F("due_at") + AGAIN)
        waiting = {one.pk for one in later}
        Report.objects.filter(pk__in=[one.pk for one in due if one.pk not in waiting]).delete()
    return len(due)


def _messages(reports: Sequence[Report]) -> Mapping[int, Message]:
    """The message of every report, by the report, locked in one order."""
    by_provider = {one.provider_id for one in reports if one.message_id is None and one.provider_id}
    pairs = Message.objects.filter(provider_id__in=by_provider).values_list("provider_id", "pk") if by_provider else []
    of_provider = dict(pairs)
    ids = {one.pk: one.message_id or of_provider.get(one.provider_id) for one in reports}
    found = (
        Message.objects.filter(pk__in=[message_id for message_id in ids.values() if message_id])
        .select_for_update(no_key=True)
        .order_by("pk")
        .only(*deeds.TOLD, "address", "recipient", "depth", *_CHANGED)
    )
    by_id = {message.pk: message for message in found}
    return {report_id: by_id[message_id] for report_id, message_id in ids.items() if message_id in by_id}


def _moved(message: Message, one: Report) -> Fact | None:
    """Writes a report of delivery to its message (unsaved); returns the event that follows, once."""
    if message.status == Status.UNKNOWN and one.kind in (Kind.SENT, Kind.DELIVERED):
        # Nobody knew, but it was sent after all.
        message.status, message.reason, message.sent_at = Status.ACCEPTED, "", message.sent_at or one.at
    match one.kind:
        case Kind.DELIVERED if message.status in (Status.ACCEPTED, Status.DELIVERED):
            message.status, message.reason, message.error = Status.DELIVERED, "", ""
            message.delivered_at = min(message.delivered_at or one.at, one.at)
            return deeds.fact(message, deeds.DELIVERED, one.at, depth=message.depth + 1)
        case Kind.FAILED if message.status != Status.FAILED:
            # A mail server may take a message and send it back: the bad news is the last.
            message.status, message.reason = Status.FAILED, Reason.UNDELIVERED
            message.error, message.delivered_at = one.detail, None
            return deeds.fact(message, deeds.FAILED, one.at, depth=message.depth + 1, why=Reason.UNDELIVERED.value)
    return None


def _refuse(message: Message, one: Report, now: datetime) -> None:
    if message.client is not None and message.recipient == Recipient.CLIENT:
        subscriptions.refuse(Visitor(message.client, message), Evidence(str(one.kind), agent=one.agent), now)


def _touch(touched: Sequence[tuple[Report, Message]], now: datetime) -> None:
    """Opens and clicks that the provider counts go the way of our own; links that lead through us were counted."""
    foreign = [
        (one, message)
        for one, message in touched
        if message.recipient == Recipient.CLIENT
        and (one.kind == Kind.OPENED or (one.url and not links.counts(one.url)))
    ]
    places = {one.pk: Place(message.scenario_id or 0, message.step_key, one.url) for one, message in foreign if one.url}
    numbers = links.numbers(set(places.values()), now)
    Touch.objects.bulk_create(
        Touch(
            message_id=message.pk,
            link_id=numbers[places[one.pk]] if one.url else None,
            at=one.at,
            # Who does not say is taken for a person: the provider has sorted out the others.
            who=machines.who_asks(machines.Request("GET", one.agent)) if one.agent else Touch.Who.PERSON,
        )
        for one, message in foreign
    )
