"""Writing messages to the send log, in the caller's transaction (semantics §20)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from loyalty.bulk import copy
from messaging.buttons import Button
from messaging.models import ClientAddress, Fallback, Message, Reason, Recipient, Reserve, Status
from messaging.services import keyboards, tracking
from messaging.services.quiet import share
from messaging.services.verdict import Verdict

# Messages that the client is owed go before all others.
OWED = 20_000
MOST_PRIORITY = 9_999
# What has not left yet.
WAITING = (Status.QUEUED, Status.STANDBY)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be written to the send log. One with a `key` is written once, whoever asks again."""

    client_id: int | None
    scenario_id: int | None
    run_id: int | None
    step_key: str
    visit: int
    channel: str
    topic: str
    address: str
    subject: str
    body: str
    withheld: str = ""
    error: str = ""
    recipient: str = Recipient.CLIENT
    key: str = ""
    # When to send it, in UTC; None: now.
    due_at: datetime | None = None
    # The reason why it waits, and over how long after `due_at` the backlog is spread.
    held: str = ""
    spread: timedelta = timedelta()
    # Through which account; 0: the main one of the channel.
    account_id: int = 0
    # Who goes first of those that are due (`turn`).
    turn: int = 0
    # A test send: in no statistics.
    test: bool = False
    buttons: Sequence[Button] = ()
    # What only some channels have, such as a provider's template.
    extras: Mapping[str, object] = field(default_factory=dict)
    # How many scenarios in a row led here (semantics §18).
    depth: int = 0
    # The formatted form of an e-mail; `body` then is its plain-text twin.
    html: str = ""

    # Which channel of the cascade it is; one in reserve waits for the attempt before it (semantics §22).
    attempt: int = 1
    reserve: Reserve | None = None

    @property
    def status(self) -> str:
        """Where the message begins."""
        return "withheld" if self.withheld else "standby" if self.reserve else "queued"

    def wait(self, verdict: Verdict) -> "Draft":
        """The same message, to be sent once the verdict lets it go."""
        due_at = max(filter(None, (self.due_at, verdict.until)), default=None)
        return replace(self, due_at=due_at, held=verdict.reason, spread=verdict.spread)


_COLUMNS = (
    "id, client_id, recipient, key, scenario_id, run_id, step_key, visit, attempt, channel, topic, address, subject,"
    " body, status, reason, error, provider_id, tries, due_at, created_at,"
    " account_id, turn, test, extras, depth, html"
)


def turn(priority: int, owed: bool = False) -> int:
    """`Draft.turn` of a message of a scenario with this priority; what a client is owed goes first (semantics §24)."""
    return -max(-MOST_PRIORITY, min(MOST_PRIORITY, priority)) - (OWED if owed else 0)


def queue(drafts: Sequence[Draft], now: datetime) -> list[int]:
    """Writes messages to the log in the caller's transaction; returns their ids in order.

    Of a key that was written before, the id it has. Raises IntegrityError where (run, step, visit) has one
    already: the caller's transaction is the guard.
    """
    keys = [draft.key for draft in drafts if draft.key]
    known = dict(Message.objects.filter(key__in=keys).values_list("key", "pk")) if keys else {}
    fresh = [draft for draft in drafts if draft.key not in known] if known else drafts
    written = iter(_write(fresh, now))
    return [known.get(draft.key) or next(written) for draft in drafts]


def queue_new(drafts: Sequence[Draft], now: datetime) -> int:
    """As `queue`, of drafts with keys; returns how many had not been written before. Safe against a doubled job."""
    with connection.cursor() as cursor:
        # In one order: two who write the same keys queue, and never wait in a ring.
        cursor.execute(
            """SELECT pg_advisory_xact_lock(k)
               FROM (SELECT DISTINCT hashtextextended(n, 0) AS k FROM unnest(%s::text[]) AS n ORDER BY k) AS keys""",
            [[draft.key for draft in drafts]],
        )
    known = set(Message.objects.filter(key__in=[draft.key for draft in drafts]).values_list("key", flat=True))
    fresh = [draft for draft in drafts if draft.key not in known]
    queue(fresh, now)
    return len(fresh)


def _write(drafts: Sequence[Draft], now: datetime) -> list[int]:
    if not drafts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('messaging_message', 'id')) FROM generate_series(1, %s)",
            [len(drafts)],
        )
        ids = [message_id for (message_id,) in cursor.fetchall()]
    rows = {
        message_id: keyboards.rows(message_id, draft.buttons)
        for message_id, draft in zip(ids, drafts, strict=True)
        if draft.buttons and not draft.withheld
    }
    counted = {
        message_id: draft
        for message_id, draft in zip(ids, drafts, strict=True)
        if not draft.withheld and not draft.test and draft.recipient == Recipient.CLIENT
    }
    dressed = tracking.dress(
        {
            message_id: tracking.Text(
                draft.scenario_id, draft.step_key, draft.channel, draft.topic, draft.body, draft.html
            )
            for message_id, draft in counted.items()
            if draft.html or "http" in draft.body
        },
        now,
    )
    extras = _counting_variables(counted, now)
    said = {
        message_id: dressed.get(message_id, (draft.body, draft.html))
        for message_id, draft in zip(ids, drafts, strict=True)
    }
    copy(
        "messaging_message",
        _COLUMNS,
        (
            (
                message_id, draft.client_id, draft.recipient, draft.key, draft.scenario_id, draft.run_id,
                draft.step_key, draft.visit, draft.attempt, draft.channel, draft.topic, draft.address, draft.subject,
                keyboards.in_text(draft.channel, said[message_id][0], rows.get(message_id, ()), draft.extras),
                draft.status, draft.withheld or draft.held, draft.error, "", 0,
                _due(draft, message_id, now), now, draft.account_id, draft.turn, draft.test,
                _json(extras.get(message_id, draft.extras), draft.channel, rows.get(message_id, ())),
                draft.depth,
                keyboards.in_html(said[message_id][1], rows.get(message_id, ())),
            )
            for message_id, draft in zip(ids, drafts, strict=True)
        ),
    )  # fmt: skip
    _reserves(drafts, ids, now)
    if not all(draft.withheld for draft in drafts):
        transaction.on_commit(import_string(settings.OUTBOX_NUDGE), robust=True)
    return ids


def _counting_variables(drafts: Mapping[int, Draft], now: datetime) -> dict[int, Mapping[str, object]]:
    """The extras of messages whose template has addresses among its variables, these as counted links."""
    said: dict[int, dict[str, str]] = {
        message_id: variables
        for message_id, draft in drafts.items()
        if isinstance(variables := draft.extras.get("variables"), dict) and "http" in "".join(variables.values())
    }
    # A variable has no line breaks: together they are one text.
    texts = {
        message_id: tracking.Text(
            (draft := drafts[message_id]).scenario_id, draft.step_key, draft.channel, draft.topic,
            "\n".join(variables.values()),
        )
        for message_id, variables in said.items()
    }  # fmt: skip
    return {
        message_id: {
            **drafts[message_id].extras,
            "variables": dict(zip(said[message_id], body.split("\n"), strict=True)),
        }
        for message_id, (body, _html) in tracking.dress(texts, now).items()
    }


def _reserves(drafts: Sequence[Draft], ids: Sequence[int], now: datetime) -> None:
    """Writes when the attempts in reserve have their turn: each follows the one before it in the list."""
    if not any(draft.reserve for draft in drafts):
        return
    # The attempt before, by message; and when it goes, where that is known.
    before: dict[tuple[int | None, str, int], tuple[int, datetime | None]] = {}
    waiting = []
    for draft, message_id in zip(drafts, ids, strict=True):
        if draft.withheld:
            continue
        of, due = (draft.run_id, draft.step_key, draft.visit), draft.due_at or now
        if draft.reserve is not None:
            previous_id, goes = before[of]
            at = goes + draft.reserve.after if goes else None
            waiting.append(Fallback(message_id=message_id, previous_id=previous_id, at=at, **draft.reserve._asdict()))
        before[of] = message_id, due if draft.reserve is None else None
    Fallback.objects.bulk_create(waiting)


def _due(draft: Draft, message_id: int, now: datetime) -> datetime:
    if draft.due_at is None:
        return now
    return draft.due_at + share(message_id, draft.spread) if draft.spread else draft.due_at


def _json(extras: Mapping[str, object], channel: str, buttons: Sequence[keyboards.Row]) -> str:
    said = {**extras, **keyboards.in_extras(channel, buttons)}
    return orjson.dumps(said).decode() if said else "{}"


def withhold_runs(run_ids: Collection[int], reason: Reason) -> None:
    """Takes back what is still queued for runs that ended."""
    if run_ids:
        Message.objects.filter(run_id__in=run_ids, status__in=WAITING).update(status=Status.WITHHELD, reason=reason)


def hand_over(guest: int, into: int) -> None:
    """Makes the messages and addresses of a guest those of the client whom the guest turned out to be."""
    Message.objects.filter(client=guest).update(client=into)
    ClientAddress.objects.filter(client=guest).update(client=into)
