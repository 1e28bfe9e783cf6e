"""Double opt-in: asking clients to confirm what they agreed to, and hearing their answer (semantics §27).

`loyalty.services.confirmations` holds agreements back; here the message is written, once for all that is asked of one
client through one channel, in the transaction that marks it as asked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import override

from loyalty.intake.facts import Fact
from loyalty.models import Client, Consent, ConsentRequest
from loyalty.services import confirmations, rows, stream
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.models import SERVICE, Channel, Reason, Topic
from messaging.services import deeds, outbox, recipients, render, rulebook, subscriptions
from messaging.services.confirm_words import ConfirmWords, known
from messaging.services.manner import manner
from messaging.services.recipients import Recipient
from messaging.services.rulebook import Rulebook
from messaging.tokens import Purpose

Status = ConsentRequest.Status
BATCH = 500  # requests in one transaction


class Gone(Exception):
    """There is nothing to confirm: it is too late, or the client has refused since."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one message asks a client to confirm. `done`: they have confirmed it."""

    client: Client
    requests: Sequence[ConsentRequest]
    done: bool


def topics() -> Collection[str]:
    """Topics whose agreements are to be confirmed, by code: `settings.CONFIRMED_TOPICS`."""
    return frozenset(Topic.objects.filter(confirm=True).values_list("slug", flat=True))


def ask(now: datetime, limit: int = BATCH) -> int:
    """Writes the messages that ask to confirm, for requests that nobody was asked about yet; returns how many.

    The requests are claimed, their message and event written in one transaction: once each, whoever does it.
    """
    confirmations.expire(now)
    with transaction.atomic():
        unasked = ConsentRequest.objects.filter(status=Status.WAITING, letter=None).order_by("pk")
        due = list(unasked.select_for_update(skip_locked=True)[:limit])
        if not due:
            return 0
        letters: dict[tuple[int, str], list[ConsentRequest]] = {}
        for request in due:
            letters.setdefault((request.client_id, _way(request.channel)), []).append(request)
        clients = recipients.load({request.client_id for request in due})
        words, rules = ConfirmWords(), rulebook.load(now)
        drafts, facts = [], []
        for (client_id, way), asked in letters.items():
            letter = asked[0].pk
            for request in asked:
                request.letter, request.asked_at = letter, now
            drafts.append(_draft(clients[client_id], way, asked, words, rules, now))
            facts.append(_fact(deeds.CONFIRMATION_REQUESTED, asked, now))
        outbox.queue(drafts, now)
        rows.update(due, ("letter", "asked_at"))
        stream.append(stream.platform(), facts, [client_id for client_id, _way in letters], now)
    return len(drafts)


def asked(token: str, now: datetime) -> Asked:
    """What a link is for, at `now` (UTC). Raises tokens.Forged and Gone."""
    letter = _letter(token)
    requests = list(ConsentRequest.objects.filter(letter=letter).select_related("client").order_by("pk"))
    open_ = [request for request in requests if request.status == Status.WAITING and now < request.expires_at]
    confirmed = [request for request in requests if request.status == Status.CONFIRMED]
    if not open_ and not confirmed:
        raise Gone
    told = open_ or confirmed
    return Asked(told[0].client, told, not open_)


def confirm(token: str, evidence: Evidence, now: datetime) -> Asked:
    """Turns what a link asks about into consent, with the evidence of who confirmed it; again, it changes nothing.

    Raises tokens.Forged and Gone.
    """
    letter = _letter(token)
    with transaction.atomic():
        waiting = ConsentRequest.objects.filter(letter=letter, status=Status.WAITING, expires_at__gt=now)
        requests = list(waiting.select_for_update().order_by("pk"))
        if requests:
            for request in requests:
                request.status, request.closed_at = Status.CONFIRMED, now
                request.closed_ip, request.closed_agent = evidence.ip, evidence.agent[:300]
            rows.update(requests, ("status", "closed_at", "closed_ip", "closed_agent"))
            rows.insert(Consent, [_consent(request, evidence, now) for request in requests], "DO NOTHING")
            facts = [_fact(deeds.CONFIRMATION_GIVEN, requests, now)]
            facts += [
                deeds.word(f"{deeds.SUBSCRIBED}:confirmed:{request.pk}", deeds.SUBSCRIBED, now, request.channel,
                           request.topic, None)
                for request in requests
            ]  # fmt: skip
            stream.append(stream.platform(), facts, [requests[0].client_id] * len(facts), now)
    return asked(token, now)


def names(asked: Sequence[ConsentRequest], rules: Rulebook) -> list[str]:
    """What is asked about as clients know it, each once, in the current language."""
    return list(dict.fromkeys(subscriptions.topic_name(request.topic, rules) for request in asked))


def links(client_ids: Collection[int], now: datetime) -> dict[int, dict[str, object]]:
    """The template's `confirm` of clients who were asked and have not answered, by the newest message; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT ON (client_id) client_id, letter, expires_at, array_agg(topic ORDER BY id)
               FROM loyalty_consentrequest
               WHERE client_id = ANY(%s) AND status = 'waiting' AND letter IS NOT NULL AND expires_at > %s
               GROUP BY client_id, letter, expires_at ORDER BY client_id, letter DESC""",
            [list(client_ids), now],
        )
        found = cursor.fetchall()
    rules = rulebook.load(now) if found else None
    return {
        client_id: {
            "url": tokens.confirm_url(letter),
            "until": until,
            "topics": ", ".join(dict.fromkeys(subscriptions.topic_name(topic, rules) for topic in asked_topics)),
        }
        for client_id, letter, until, asked_topics in found
        if rules
    }


def _letter(token: str) -> int:
    try:
        (letter,) = tokens.read(Purpose.CONFIRM, token)
    except ValueError:
        raise tokens.Forged from None
    return letter


def _way(channel: str) -> str:
    """Through which channel the owner of the address is asked: whoever answers by phone owns the phone."""
    return Channel.EMAIL if channel == Channel.EMAIL else Channel.SMS


def _draft(
    client: Recipient,
    way: str,
    asked: Sequence[ConsentRequest],
    words: ConfirmWords,
    rules: Rulebook,
    now: datetime,
) -> outbox.Draft:
    letter, language = asked[0].pk, known(client.language)
    withheld, error, said = "", "", ("", "")
    if not client.address(way):
        withheld = Reason.NO_ADDRESS
    else:
        with override(language):
            told = {
                "url": tokens.confirm_url(letter),
                "until": asked[0].expires_at,
                "topics": ", ".join(names(asked, rules)),
            }
        try:
            texts = words.of(way, language)
            values: Mapping[str, object] = {"client": client.variables(), "confirm": told}
            said = texts.render(values, manner(language, client.zone, now))[:2]
        except (render.RenderError, render.TemplateError) as wrong:
            withheld, error = Reason.RENDER_FAILED, str(wrong)
    return outbox.Draft(
        client_id=client.id, scenario_id=None, run_id=None, step_key="", visit=1, channel=way, topic=SERVICE,
        address=client.address(way), subject=said[0], body=said[1], withheld=withheld, error=error,
        key=f"confirm:{letter}", turn=outbox.turn(0, owed=True),
    )  # fmt: skip


def _fact(name: str, asked: Sequence[ConsentRequest], now: datetime) -> Fact:
    # A person began it, and a person ends it: no chain of scenarios (semantics §18).
    said = {
        "channel": asked[0].channel,
        "channels": sorted({request.channel for request in asked}),
        "topic": asked[0].topic,
        "topics": sorted({request.topic for request in asked}),
    }
    return Fact(f"{name}:{asked[0].letter}", name, now, payload=said)


def _consent(request: ConsentRequest, evidence: Evidence, now: datetime) -> dict[str, object]:
    """The consent: what was said and read then, who confirmed it now."""
    return {
        "client_id": request.client_id,
        "channel": request.channel,
        "topic": request.topic,
        "granted": True,
        "source_id": request.source_id,
        "evidence": f"{evidence.where}: {request.evidence}"[:200],
        "text_version": request.text_version,
        "ip": evidence.ip,
        "agent": evidence.agent[:300],
        "given_at": now,
    }
