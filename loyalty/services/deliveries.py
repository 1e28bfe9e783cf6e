"""From a delivery that is known to be genuine to recorded facts, or to the list of refused ones (contract §2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DataError
from django.utils.translation import gettext as _

from loyalty.intake.delivery import Delivery, UnknownTopic
from loyalty.intake.facts import Fact, Refused
from loyalty.intake.segment_http import Taken, reject
from loyalty.intake.webhooks import ADAPTERS
from loyalty.models import RefusedDelivery, Source
from loyalty.services import together
from loyalty.services.events import Recorded


@dataclass(slots=True)
class Outcome:
    """What became of a webhook: its events, or why there are none."""

    recorded: list[Recorded] = field(default_factory=list)
    refused: Refused | None = None
    unknown: str = ""


def take_webhook(source: Source, delivery: Delivery) -> Outcome:
    """Records the facts of a webhook, or keeps it with the reason. A replay changes nothing."""
    adapter = ADAPTERS[source.kind]
    try:
        return Outcome(record_understood(source, adapter.facts(delivery), delivery.now))
    except UnknownTopic:
        topic = adapter.topic(delivery)
        reason = _("unknown topic")
        _keep(source, delivery, RefusedDelivery.Why.UNKNOWN_TOPIC, reason)
        return Outcome(unknown=topic or reason)
    except Refused as refused:
        _keep(source, delivery, RefusedDelivery.Why.REFUSED, str(refused))
        return Outcome(refused=refused)


def record_understood(source: Source, facts: Sequence[Fact], now: datetime) -> list[Recorded]:
    """Records facts, turning what the database itself refuses (a sum that outgrew its column) into Refused."""
    try:
        return together.record(source, facts, now)
    except DataError:
        raise Refused("body", _("holds a value that cannot be stored")) from None


def take_items(source: Source, taken: Taken, now: datetime) -> int:
    """Records the good items of a tracking call, and keeps the bad ones. Returns how many were good.

    What the database itself refuses is added to `taken.rejected`.
    """
    understood, rejected_before = len(taken.groups), len(taken.rejected)
    try:
        record_understood(source, [fact for group in taken.groups for fact in group], now)
    except Refused:
        # One of them spoils its transaction: found by taking them one at a time.
        for index, group in zip(taken.indexes, taken.groups, strict=True):
            try:
                record_understood(source, group, now)
            except Refused as refused:
                taken.rejected.append(reject(index, group[0].raw, str(refused)))
        taken.rejected.sort(key=lambda rejected: rejected.index)
    if taken.rejected:
        RefusedDelivery.objects.bulk_create(
            (
                RefusedDelivery(
                    source=source,
                    external_id=rejected.key,
                    why=RefusedDelivery.Why.REFUSED,
                    topic=rejected.topic,
                    reason=rejected.reason,
                    body=rejected.item,
                    received_at=now,
                )
                for rejected in taken.rejected
            ),
            batch_size=500,
            ignore_conflicts=True,
        )
    return understood - (len(taken.rejected) - rejected_before)


def _keep(source: Source, delivery: Delivery, why: RefusedDelivery.Why, reason: str) -> None:
    """Keeps a delivery that became nothing, once however often it comes."""
    adapter = ADAPTERS[source.kind]
    RefusedDelivery.objects.bulk_create(
        [
            RefusedDelivery(
                source=source,
                external_id=adapter.delivery_id(delivery),
                why=why,
                topic=_storable(adapter.topic(delivery))[:200],
                reason=_storable(reason),
                # Bytes that are no text were never JSON either: they are kept to be looked at.
                body=_storable(delivery.body.decode("utf-8", "backslashreplace")),
                headers={
                    name: _storable(delivery.headers[name]) for name in adapter.KEPT_HEADERS if name in delivery.headers
                },
                received_at=delivery.now,
            )
        ],
        ignore_conflicts=True,
    )


def _storable(text: str) -> str:
    """Text without what PostgreSQL cannot hold."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
