"""What clients say about being written to, with its evidence (semantics §27). The newest word decides."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty.models import Consent, ConsentRequest
from loyalty.services import confirmations, rows, stream

Status = ConsentRequest.Status


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a word came: where it was said, what the client had read, from which address and program."""

    where: str
    text_version: str = ""
    ip: str | None = None
    agent: str = ""


def words(client_id: int) -> dict[tuple[str, str], bool]:
    """The newest word of a client by (channel, topic), where there is one."""
    newest = Consent.objects.filter(client=client_id).order_by("channel", "topic", "-given_at", "-pk")
    found = newest.distinct("channel", "topic").values_list("channel", "topic", "granted")
    return {(channel, topic): granted for channel, topic, granted in found}


def say(
    client_id: int, pairs: Collection[tuple[str, str]], granted: bool, evidence: Evidence, now: datetime
) -> list[tuple[str, str]]:
    """Writes a word of the client on each (channel, topic), heard by this platform itself.

    Returns the pairs on which the client's word is another than before; the same word again is kept as evidence too.
    """
    if not pairs:
        return []
    before = words(client_id)
    told = _rows(client_id, pairs, granted, evidence, now)
    confirmations.close(told, Status.CONFIRMED if granted else Status.REFUSED, now)
    rows.insert(Consent, told, "DO NOTHING")
    # No word is a no (semantics §2), yet saying so is news.
    return [pair for pair in pairs if before.get(pair) is not granted]


def hear(client_id: int, pairs: Collection[tuple[str, str]], evidence: Evidence, confirm: bool, now: datetime) -> None:
    """Writes that somebody agreed for the client, who has proved nothing: a form that anybody may fill in.

    With `confirm`, or where the topic wants it, it counts once the client has confirmed it (double opt-in).
    """
    source = stream.platform()
    heard = _rows(client_id, pairs, True, evidence, now)
    rows.insert(Consent, confirmations.hold(heard, source, now, confirm), "DO NOTHING")


def _rows(
    client_id: int, pairs: Collection[tuple[str, str]], granted: bool, evidence: Evidence, now: datetime
) -> list[dict[str, Any]]:
    source_id = stream.platform().pk
    return [
        {
            "client_id": client_id,
            "channel": channel,
            "topic": topic,
            "granted": granted,
            "source_id": source_id,
            "evidence": evidence.where[:200],
            "text_version": evidence.text_version[:50],
            "ip": evidence.ip,
            "agent": evidence.agent[:300],
            "given_at": now,
        }
        for channel, topic in pairs
    ]
