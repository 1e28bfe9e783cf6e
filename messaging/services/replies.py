"""What clients write to us: kept, told as an event, and obeyed where it is STOP or START (semantics §27)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from loyalty.intake.facts import Fact
from loyalty.models import Client, Identity
from loyalty.services import rows, stream
from loyalty.services.consents import Evidence
from messaging.models import Channel, InboundMessage, Message, Recipient, Suppression
from messaging.services import addresses, deeds, inbox, presses, subscriptions

# An answer belongs to the last message of this time.
ANSWERS = timedelta(days=30)
MAX_TEXT = 10_000  # characters
# Where STOP and START are words of their own.
OBEYED = (Channel.SMS, Channel.WHATSAPP, Channel.TELEGRAM, Channel.VK)
_BY_PROVIDER = "21610"  # Twilio: the number has said STOP to Twilio itself


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as a provider passes it on. `answers`: our message that it answers, where that is told."""

    channel: str
    address: str
    text: str
    provider_id: str
    answers: int | None = None


def take(inbound: Inbound, now: datetime) -> InboundMessage | None:
    """Keeps a message and does what follows from it; None where it was taken before."""
    with transaction.atomic():
        client_id = _writer(inbound)
        answered = _answered(inbound, client_id, now)
        made = rows.insert(
            InboundMessage,
            [
                {
                    "client_id": client_id,
                    "channel": inbound.channel,
                    "address": inbound.address[:254],
                    "text": inbound.text[:MAX_TEXT].replace("\x00", ""),
                    "answers_id": answered.pk if answered else None,
                    "provider_id": inbound.provider_id[:200],
                    "received_at": now,
                }
            ],
            "DO NOTHING",
        )
        if not made:
            return None
        kept = InboundMessage.objects.get(pk=made[0][0])
        obeyed = inbound.channel in OBEYED and _obey(kept, now)
        if client_id is None:
            if not obeyed:
                inbox.tell_staff(kept, now)
            return kept
        if presses.press_by_words(client_id, kept.channel, kept.text, now, now):
            # The words of a button: nobody has to answer them, and they are told once, as a press.
            kept.handled_at = now
            kept.save(update_fields=["handled_at"])
        else:
            stream.append(stream.platform(), [_replied(kept, answered, now)], [client_id], now)
            if not obeyed:
                inbox.tell_staff(kept, now)
    return kept


def _writer(inbound: Inbound) -> int | None:
    if inbound.channel in (Channel.TELEGRAM, Channel.VK):
        return addresses.owner(inbound.channel, inbound.address)
    kind = Identity.Kind.EMAIL if inbound.channel == Channel.EMAIL else Identity.Kind.PHONE
    known = Identity.objects.filter(kind=kind, scope="", value=inbound.address).values_list("client_id", flat=True)
    if found := known.first():
        return found
    column = "email" if inbound.channel == Channel.EMAIL else "phone"
    same = Client.objects.filter(**{column: inbound.address}, merged_into=None).order_by("pk")
    return same.values_list("pk", flat=True).first() if inbound.address else None


def _answered(inbound: Inbound, client_id: int | None, now: datetime) -> Message | None:
    ours = Message.objects.filter(recipient=Recipient.CLIENT, client=client_id, channel=inbound.channel)
    if inbound.answers:
        return ours.filter(pk=inbound.answers).only(*deeds.TOLD).first()
    if client_id is None:
        return None
    return ours.filter(sent_at__gte=now - ANSWERS).only(*deeds.TOLD).order_by("-pk").first()


def _replied(kept: InboundMessage, answered: Message | None, now: datetime) -> Fact:
    if answered:
        return deeds.fact(answered, deeds.REPLIED, now, str(kept.pk), text=kept.text, inbound=kept.pk)
    payload = {"message": None, "channel": kept.channel, "text": kept.text, "inbound": kept.pk}
    return Fact(f"{deeds.REPLIED}:0:{kept.pk}", deeds.REPLIED, now, payload=payload)


def _obey(kept: InboundMessage, now: datetime) -> bool:
    """STOP from a number that nobody has still stops; START lifts what STOP set. Whether it was either."""
    word = subscriptions.word(kept.text)
    if word is None:
        return False
    if kept.client_id is not None:
        subscriptions.said_in(kept.channel, kept.client_id, kept.text, Evidence(f"{kept.channel}: {kept.text}"), now)
    stopped = Suppression.objects.filter(channel=kept.channel, address=kept.address)
    if word:
        stopped.filter(kind=Suppression.Kind.STOPPED).delete()
        stopped.filter(why__startswith=_BY_PROVIDER).delete()
    elif kept.client_id is None:
        Suppression.objects.bulk_create(
            [
                Suppression(
                    channel=kept.channel, address=kept.address, kind=Suppression.Kind.STOPPED, why="STOP", since=now
                )
            ],
            ignore_conflicts=True,
        )
    return True
