"""Agreements that wait until the client confirms them (semantics §27, double opt-in).

What proves itself is not asked about: a word by the client's own hand (a signed page, START from their number), and a
channel whose address only the client can give (a chat, a device).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from loyalty.models import Consent, ConsentRequest, Source
from loyalty.services import programme, rows
from loyalty.services.rows import as_json

Row = Mapping[str, Any]
Status = ConsentRequest.Status

# Where somebody may give another's address: by e-mail or by phone.
CONFIRMED_BY_LINK = frozenset(
    {Consent.Channel.EMAIL, Consent.Channel.SMS, Consent.Channel.WHATSAPP, Consent.Channel.MESSENGER}
)
# What `Programme.confirm_most` counts in.
WITHIN = timedelta(days=90)


def hold(heard: Sequence[Row], source: Source, now: datetime, confirm: bool = False) -> list[Row]:
    """Of words as rows of `Consent`, those that count at once; the others wait for their clients from `now` (UTC) on.

    Held back are agreements that `source`, `confirm` (a landing page) or their topic wants confirmed, unless the
    client agrees already or has spoken later. A refusal ends what waits. At most six queries, however many rows; none
    more than one where nothing is to be confirmed.
    """
    refusals = [row for row in heard if not row["granted"]]
    close(refusals, Status.REFUSED, now)
    asked = _to_confirm([row for row in heard if row["granted"]], source, confirm)
    if not asked:
        return list(heard)
    spoken = _newest({row["client_id"] for row in asked})
    for row in refusals:
        pair = _pair(row)
        spoken[pair] = max(spoken.get(pair, (row["given_at"], False)), (row["given_at"], False))
    waiting = []
    for row in asked:
        at, granted = spoken.get(_pair(row), (None, False))
        if not granted and (at is None or at < row["given_at"]):
            waiting.append(row)
    _ask(waiting, now)
    held = {id(row) for row in waiting}
    return [row for row in heard if id(row) not in held]


def close(words: Collection[Row], status: str, now: datetime) -> None:
    """Ends what waits where the client has said a later word themselves; one query, none without words."""
    if not words:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE loyalty_consentrequest r SET status = %s, closed_at = %s, closed_ip = w.ip,
                      closed_agent = coalesce(w.agent, '')
               FROM json_to_recordset(%s) AS w(client_id bigint, channel text, topic text, given_at timestamptz,
                                               ip inet, agent text)
               WHERE r.client_id = w.client_id AND r.channel = w.channel AND r.topic = w.topic
                 AND r.status = 'waiting' AND r.given_at <= w.given_at""",
            [status, now, as_json(words)],
        )


def waiting(client_id: int) -> set[tuple[str, str]]:
    """What a client was asked, or is going to be asked, to confirm: (channel, topic)."""
    rows = ConsentRequest.objects.filter(client=client_id, status=Status.WAITING)
    return set(rows.values_list("channel", "topic"))


def expire(now: datetime) -> int:
    """Marks what nobody confirmed in time; returns how many. Nothing depends on its having run: the page looks at
    the time itself."""
    late = ConsentRequest.objects.filter(status=Status.WAITING, expires_at__lte=now)
    return late.update(status=Status.EXPIRED, closed_at=now)


def hand_over(guest: int, into: int, now: datetime) -> None:
    """Makes a guest's requests those of the client whom the guest turned out to be; who agrees already is not asked."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE loyalty_consentrequest r SET status = 'expired', closed_at = %(now)s
               WHERE r.client_id = %(guest)s AND r.status = 'waiting' AND EXISTS (
                 SELECT FROM loyalty_consentrequest o WHERE o.client_id = %(into)s AND o.channel = r.channel
                   AND o.topic = r.topic AND o.status = 'waiting')""",
            {"now": now, "guest": guest, "into": into},
        )
    ConsentRequest.objects.filter(client_id=guest).update(client_id=into)


def _to_confirm(grants: list[Row], source: Source, confirm: bool) -> list[Row]:
    by_link = [row for row in grants if row["channel"] in CONFIRMED_BY_LINK]
    if not by_link or confirm or source.confirm_consents:
        return by_link
    # A file tells what was agreed before and elsewhere: it is taken at its word unless its source says otherwise.
    topics = _topics()() if source.kind != Source.Kind.IMPORT else ()
    return [row for row in by_link if row["topic"] in topics]


@cache
def _topics() -> Callable[[], Collection[str]]:
    found: Callable[[], Collection[str]] = import_string(settings.CONFIRMED_TOPICS)
    return found


def _pair(row: Row) -> tuple[int, str, str]:
    return row["client_id"], row["channel"], row["topic"]


def _newest(client_ids: Collection[int]) -> dict[tuple[int, str, str], tuple[datetime, bool]]:
    """When each client spoke last on a channel and topic, and what they said."""
    words = Consent.objects.filter(client__in=client_ids).order_by("client", "channel", "topic", "-given_at", "-pk")
    newest = words.distinct("client", "channel", "topic")
    found = newest.values_list("client", "channel", "topic", "given_at", "granted")
    return {(client_id, channel, topic): (at, granted) for client_id, channel, topic, at, granted in found}


def _ask(waiting: Sequence[Row], now: datetime) -> None:
    """Stores requests, except for those who were asked too often lately; one that waits already stays as it is."""
    if not waiting:
        return
    rules = programme.current()
    limits = ConsentRequest.objects.filter(
        client__in={row["client_id"] for row in waiting}, asked_at__gt=now - WITHIN
    ).values_list("client", "channel", "topic")
    asked: dict[tuple[int, str, str], int] = {}
    for pair in limits:
        asked[pair] = asked.get(pair, 0) + 1
    expires_at = now + timedelta(hours=rules.confirm_hours)
    rows.insert(
        ConsentRequest,
        [
            {**row, "expires_at": expires_at} | {"status": Status.WAITING.value}
            for row in ({name: value for name, value in row.items() if name != "granted"} for row in waiting)
            if asked.get(_pair(row), 0) < rules.confirm_most
        ],
        "DO NOTHING",
    )
