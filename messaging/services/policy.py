"""Whether a message may be sent: one ordered list of checks, the first that fails is the typed reason (semantics §19).

The same function decides when a step says something, at the last look before the send, in a rehearsal, and when staff
ask why; so what the log says and what is explained cannot differ.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple, TypeVar

from django.db import connection

from messaging.models import Reason
from messaging.services import caps, suppressed
from messaging.services.quiet import Clock
from messaging.services.recipients import Recipient
from messaging.services.rulebook import Rulebook
from messaging.services.verdict import Verdict

Key = TypeVar("Key")

# A paused scenario's messages are looked at again after this long.
PAUSED = timedelta(minutes=1)


class Ask(NamedTuple):
    """A message that wants to go. `key` names it among the others: its id, or whatever stands for it before it has one.

    The most important come first: where a cap has room for one, it is theirs (semantics §24).
    """

    key: int
    client_id: int
    channel: str
    topic: str
    address: str
    # The client's zone, an IANA name.
    zone: str
    # Since when a cap has been holding it, in UTC.
    capped_since: datetime | None = None
    # Of a later attempt through another channel: the message that it belongs to.
    family: tuple[int | None, str, int] | None = None


class Stage(Enum):
    """What the verdict is for."""

    # A step decides what to say. Places under caps are given at the send.
    SAYING = auto()
    # Right before the send: places under caps are taken, so that no other worker takes them.
    SENDING = auto()
    # To be shown: nothing is taken.
    SHOWING = auto()


@dataclass(slots=True)
class _Look:
    """One look at messages: who still stands, and what the others were told."""

    asks: list[Ask]
    book: Rulebook
    now: datetime
    stage: Stage
    above: Mapping[int, Reason]
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def refuse(self, failed: Mapping[int, Verdict]) -> None:
        """Takes those who failed out of the checks that follow."""
        if failed:
            self.verdicts |= failed
            self.asks = [ask for ask in self.asks if ask.key not in failed]


def judge(
    asks: Iterable[Ask], book: Rulebook, now: datetime, stage: Stage, above: Mapping[int, Reason] | None = None
) -> dict[int, Verdict]:
    """Those of the messages that may not go at `now` (UTC), by key, each with the first check that it fails.

    `above`: what the room above already says against them, by key: the checks of scenario and run. At most a query for
    each pair of channel and topic, one a channel, and three for caps; to be called in a transaction where `SENDING`.
    """
    look = _Look(list(asks), book, now, stage, above or {})
    for check in CHECKS:
        if look.asks:
            look.refuse(check(look))
    return look.verdicts


def asks_of(clients: Mapping[int, Recipient], channel: str, topic: str) -> list[Ask]:
    """One message to each of the clients, by client id."""
    return [
        Ask(client_id, client_id, channel, topic, client.address(channel), client.zone)
        for client_id, client in clients.items()
    ]


def _scenario(look: _Look) -> dict[int, Verdict]:
    """Scenario active, run active, exit rule, goal, control groups: in this order, by whoever knows them."""
    return {
        ask.key: Verdict(reason, look.now + PAUSED if reason == Reason.SCENARIO_PAUSED else None)
        for ask in look.asks
        if (reason := look.above.get(ask.key))
    }


def _consent(look: _Look) -> dict[int, Verdict]:
    failed: dict[int, Verdict] = {}
    for (channel, topic), asks in _by(look.asks, lambda ask: (ask.channel, ask.topic)):
        rule = look.book.topic(topic)
        if rule.free:
            continue
        said = _said(channel, topic, [ask.client_id for ask in asks], look.now)
        # No word means no (semantics §2), but for what is owed to a member.
        failed |= {
            ask.key: Verdict(Reason.NO_CONSENT) for ask in asks if not said.get(ask.client_id, rule.silence_agrees)
        }
    return failed


def _address(look: _Look) -> dict[int, Verdict]:
    return {ask.key: Verdict(Reason.NO_ADDRESS) for ask in look.asks if not ask.address}


def _suppression(look: _Look) -> dict[int, Verdict]:
    failed: dict[int, Verdict] = {}
    for channel, asks in _by(look.asks, lambda ask: ask.channel):
        bad = suppressed.among(channel, {ask.address for ask in asks})
        if bad:
            failed |= {ask.key: Verdict(Reason.SUPPRESSED) for ask in asks if ask.address in bad}
    return failed


def _quiet(look: _Look) -> dict[int, Verdict]:
    failed: dict[int, Verdict] = {}
    for channel, asks in _by(look.asks, lambda ask: ask.channel):
        clock = Clock(look.book, channel, look.now)
        if clock.idle:
            continue
        failed |= {
            ask.key: held for ask in asks if not look.book.topic(ask.topic).exempt and (held := clock.held(ask.zone))
        }
    return failed


def _caps(look: _Look) -> dict[int, Verdict]:
    if look.stage is Stage.SAYING:
        return {}
    wishes = [
        caps.Wish(ask.key, ask.client_id, ask.channel, ask.topic, ask.capped_since, ask.family)
        for ask in look.asks
        if not look.book.topic(ask.topic).exempt
    ]
    full = caps.full(wishes, look.book, look.now, take=look.stage is Stage.SENDING)
    return {key: Verdict(Reason.FREQUENCY_CAP, until) for key, until in full.items()}


# The order of the rule (semantics §19). Rendering comes last: a step does it once all of these agree.
CHECKS: Sequence[Callable[[_Look], dict[int, Verdict]]] = (
    _scenario,
    _consent,
    _address,
    _suppression,
    _quiet,
    _caps,
)


def _by(asks: Sequence[Ask], key: Callable[[Ask], Key]) -> Iterable[tuple[Key, list[Ask]]]:
    found: dict[Key, list[Ask]] = {}
    for ask in asks:
        found.setdefault(key(ask), []).append(ask)
    return found.items()


def _said(channel: str, topic: str, clients: Sequence[int], now: datetime) -> dict[int, bool]:
    """The newest word of clients on (channel, topic), where there is one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.id, newest.granted FROM unnest(%s::bigint[]) AS c(id)
               JOIN LATERAL (
                 SELECT granted FROM loyalty_consent
                 WHERE client_id = c.id AND channel = %s AND topic = %s AND given_at <= %s
                 ORDER BY given_at DESC, id DESC LIMIT 1) AS newest ON true""",
            [list(clients), channel, topic, now],
        )
        return dict(cursor.fetchall())
