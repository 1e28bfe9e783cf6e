"""Opens and clicks: taken at once, counted a moment later and set-based (semantics §26)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction

from loyalty.intake.facts import Fact
from loyalty.services import rows, stream
from messaging.models import Channel, Link, Message, Touch
from messaging.services import deeds, machines

# A touch soon after the sending waits for the others that would show a scanner.
WAIT = timedelta(seconds=5)
MAX_COUNT = 32_000  # of a small integer


class _Touched(NamedTuple):
    id: int
    message_id: int
    link_id: int | None
    at: datetime
    who: str


def note(message_id: int, link_id: int | None, who: str, now: datetime) -> None:
    """Keeps a touch, to be counted by `fold`: one statement, which the reader does not wait to see on the disk.

    Should PostgreSQL itself crash, it may lose touches of the last half second; whatever else dies loses none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true))
               INSERT INTO messaging_touch (message_id, link_id, at, who) SELECT %s, %s, %s, %s FROM unhurried""",
            [message_id, link_id, now, who],
        )


def fold(now: datetime, limit: int = 5000) -> int:
    """Counts touches on their messages and links and tells events; returns how many were taken.

    A doubled fold takes others (SKIP LOCKED); one that dies leaves everything as it was. Eight queries, however many.
    """
    with transaction.atomic():
        touched = _claim(now, limit)
        if not touched:
            return 0
        by_message: dict[int, list[_Touched]] = {}
        for touch in touched:
            by_message.setdefault(touch.message_id, []).append(touch)
        messages = _locked(by_message)
        addresses = dict(
            Link.objects.filter(pk__in={touch.link_id for touch in touched if touch.link_id}).values_list("pk", "url")
        )
        told: dict[str, tuple[Fact, int | None]] = {}
        clicks: Counter[int] = Counter()
        machine_clicks: Counter[int] = Counter()
        for message in messages:
            of_message = sorted(by_message[message.pk], key=lambda touch: touch.at)
            asked = [machines.Asked(touch.link_id, touch.at, touch.who) for touch in of_message]
            for touch, who in zip(of_message, machines.judged(asked, message.sent_at), strict=True):
                if touch.link_id:
                    (clicks if who == Touch.Who.PERSON else machine_clicks)[touch.link_id] += 1
                for fact in _count(message, touch, who, addresses):
                    told.setdefault(fact.external_id, (fact, message.client_id))
        rows.update(messages, _COUNTED)
        facts = [fact for fact, _client in told.values()]
        new = stream.append(stream.platform(), facts, [client for _fact, client in told.values()], now)
        clicked = [pair for pair in told.values() if pair[0].name == deeds.CLICKED and pair[0].external_id in new]
        clickers = Counter(fact.payload["link_id"] for fact, _client in clicked)
        _count_links(clicks, machine_clicks, clickers, _first_time(clicked))
    return len(touched)


_COUNTED = ("first_opened_at", "first_clicked_at", "proxy_opens", "machine_opens", "machine_clicks")


def _claim(now: datetime, limit: int) -> list[_Touched]:
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM messaging_touch WHERE id IN (
                 SELECT t.id FROM messaging_touch t
                 WHERE t.at <= %(settled)s OR t.at - %(fresh)s * interval '1 s' >= (
                   SELECT sent_at FROM messaging_message m WHERE m.id = t.message_id)
                 ORDER BY t.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
               RETURNING id, message_id, link_id, at, who""",
            {"settled": now - WAIT, "fresh": machines.FRESH.total_seconds(), "limit": limit},
        )
        return [_Touched(*row) for row in cursor.fetchall()]


def _locked(ids: Mapping[int, object]) -> list[Message]:
    """The messages without their texts, locked in one order; those that are no longer in the log are left out."""
    wanted = Message.objects.filter(pk__in=list(ids)).select_for_update(no_key=True).order_by("pk")
    return list(wanted.only(*deeds.TOLD, "sent_at", *_COUNTED))


def _count(message: Message, touch: _Touched, who: str, addresses: Mapping[int, str]) -> list[Fact]:
    """Writes a touch to its message (unsaved); returns the events that follow."""
    match (touch.link_id, who):
        case (None, Touch.Who.PERSON):
            return _opened(message, touch.at)
        case (None, Touch.Who.PROXY):
            message.proxy_opens = min(message.proxy_opens + 1, MAX_COUNT)
        case (None, _):
            message.machine_opens = min(message.machine_opens + 1, MAX_COUNT)
        case (link_id, Touch.Who.PERSON) if link_id in addresses:
            message.first_clicked_at = _earlier(message.first_clicked_at, touch.at)
            # Who follows a link has opened the e-mail, though its pictures were not shown.
            opened = _opened(message, touch.at) if message.channel == Channel.EMAIL else []
            clicked = deeds.fact(
                message, deeds.CLICKED, touch.at, str(link_id), link=addresses[link_id], link_id=link_id
            )
            return [*opened, clicked]
        case _:
            message.machine_clicks = min(message.machine_clicks + 1, MAX_COUNT)
    return []


def _opened(message: Message, at: datetime) -> list[Fact]:
    known, message.first_opened_at = message.first_opened_at, _earlier(message.first_opened_at, at)
    return [] if known else [deeds.fact(message, deeds.OPENED, at)]


def _earlier(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _first_time(clicked: Sequence[tuple[Fact, int | None]]) -> Counter[int]:
    """How many clients had never followed the link before, in whichever message of the step it came; by link."""
    pairs = sorted({(client, fact.payload["link_id"]) for fact, client in clicked if client is not None})
    if not pairs:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.link FROM unnest(%s::bigint[], %s::bigint[]) AS c(client, link)
               WHERE NOT EXISTS (SELECT FROM loyalty_event e
                                 WHERE e.client_id = c.client AND e.name = %s AND e.payload ->> 'link_id' = c.link::text
                                   AND e.external_id <> ALL(%s))""",
            [
                [client for client, _link in pairs],
                [link for _client, link in pairs],
                deeds.CLICKED,
                [fact.external_id for fact, _client in clicked],
            ],
        )
        return Counter(link for (link,) in cursor.fetchall())


def _count_links(
    clicks: Counter[int], machine_clicks: Counter[int], clickers: Counter[int], clients: Counter[int]
) -> None:
    ids = sorted(clicks.keys() | machine_clicks.keys())
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM messaging_link WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids])
        cursor.execute(
            """UPDATE messaging_link l
               SET clicks = l.clicks + n.clicks, machine_clicks = l.machine_clicks + n.machines,
                   clickers = l.clickers + n.clickers, clients = l.clients + n.clients
               FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[])
                 AS n(id, clicks, machines, clickers, clients)
               WHERE l.id = n.id""",
            [
                ids,
                [clicks[link_id] for link_id in ids],
                [machine_clicks[link_id] for link_id in ids],
                [clickers[link_id] for link_id in ids],
                [clients[link_id] for link_id in ids],
            ],
        )
