"""Writing what providers answered (semantics §20–21)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat, Greatest, Right

from loyalty.services import rows, stream
from messaging.channels import Answer
from messaging.models import AccountState, Message, Reason, Recipient, Status, Suppression
from messaging.services import cascade, deeds
from messaging.services.accounts import Outlet

# Waits before the 2nd, 3rd … try of a message that a provider could not take for the moment.
BACKOFF = [timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)]
REMEMBERED = 100  # outcomes of an account


@dataclass(frozen=True, slots=True)
class Answered:
    """A message and what became of it."""

    outlet: Outlet
    message: Message
    answer: Answer

    @property
    def to_be_asked(self) -> bool:
        """Nobody knows yet, but the provider can tell: the message stays "being sent" until `recover` asks."""
        return self.answer.kind is Answer.Kind.UNKNOWN and self.outlet.way.askable and not self.answer.final


def settle(answered: Sequence[Answered], now: datetime) -> None:
    """Writes answers, suppressed addresses and the accounts' state, in the caller's transaction."""
    if not answered:
        return
    _tell_failed(_write([done for done in answered if not done.to_be_asked], now), now)
    Suppression.objects.bulk_create(
        [
            Suppression(channel=message.channel, address=message.address, why=answer.error[:300], since=now)
            for message, answer in ((done.message, done.answer) for done in answered)
            if answer.suppress
        ],
        ignore_conflicts=True,
    )
    by_account: dict[int, list[Answer]] = {}
    for done in answered:
        if done.outlet.account_id:
            by_account.setdefault(done.outlet.account_id, []).append(done.answer)
    # In one order everywhere: two workers must not wait for each other.
    for account_id in sorted(by_account):
        _remember(account_id, by_account[account_id], now)


def _tell_failed(failed: Sequence[Message], now: datetime) -> None:
    cascade.hurry([message.pk for message in failed], now)
    about = [
        message
        for message in failed
        if message.client_id is not None and not message.test and message.recipient == Recipient.CLIENT
    ]
    if about:
        facts = [deeds.fact(message, deeds.FAILED, now, depth=message.depth + 1) for message in about]
        stream.append(stream.platform(), facts, [message.client_id for message in about], now)


def _write(answered: Sequence[Answered], now: datetime) -> list[Message]:
    """One statement; returns the messages that have failed for good.

    Only the try that the answer belongs to is written: whoever was taken for dead and answers after all cannot undo
    what was decided meanwhile, but an acceptance counts however late.
    """
    told = [_row(done, now) for done in answered]
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE messaging_message m
               SET status = CASE WHEN m.status = 'delivered' THEN m.status ELSE t.status END,
                   reason = CASE WHEN m.status = 'delivered' THEN m.reason ELSE t.reason END,
                   error = t.error, provider_id = t.provider_id, sent_at = t.sent_at, due_at = t.due_at, cost = t.cost,
                   claimed_at = NULL
               FROM json_to_recordset(%s) AS t(
                 id bigint, tries smallint, status varchar, reason varchar, error text, provider_id varchar,
                 sent_at timestamptz, due_at timestamptz, cost numeric)
               WHERE m.id = t.id AND (m.status = 'sending' AND m.tries = t.tries
                                      OR t.status = 'accepted' AND m.status IN ('unknown', 'delivered', 'queued'))
               RETURNING m.id, t.status""",
            [rows.as_json(told)],
        )
        failed = {message_id for message_id, status in cursor.fetchall() if status == Status.FAILED}
    return [done.message for done in answered if done.message.pk in failed]


def _row(done: Answered, now: datetime) -> dict[str, object]:
    message, answer = done.message, done.answer
    row: dict[str, object] = {
        "id": message.pk,
        "tries": message.tries,
        "error": answer.error[:2000],
        "provider_id": (answer.provider_id or message.provider_id)[:200],
        "due_at": message.due_at,
        "sent_at": None,
        "cost": None,
    }
    match answer.kind:
        case Answer.Kind.ACCEPTED:
            return row | {
                "status": Status.ACCEPTED, "reason": "", "sent_at": now, "cost": _rounded(done.outlet.cost(message))
            }  # fmt: skip
        case Answer.Kind.REFUSED:
            return row | {"status": Status.FAILED, "reason": Reason.PROVIDER_REFUSED}
        case Answer.Kind.UNKNOWN:
            return row | {"status": Status.UNKNOWN, "reason": Reason.CRASHED}
        case _ if message.tries > len(BACKOFF):
            return row | {"status": Status.FAILED, "reason": Reason.PROVIDER_UNAVAILABLE}
        case _:
            wait = answer.retry_after or BACKOFF[message.tries - 1]
            return row | {"status": Status.QUEUED, "reason": Reason.PROVIDER_UNAVAILABLE, "due_at": now + wait}


def _rounded(cost: Decimal | None) -> Decimal | None:
    return None if cost is None else cost.quantize(Decimal("0.0001"))


def _remember(account_id: int, answers: Sequence[Answer], now: datetime) -> None:
    """The outcomes of an account: the light of its health, and the pause that its provider asked for.

    A bad address is no fault of the account.
    """
    fine = [answer.kind is Answer.Kind.ACCEPTED or answer.suppress for answer in answers]
    outcomes = "".join("+" if good else "-" for good in fine)
    changes: dict[str, object] = {"recent": Right(Concat(F("recent"), Value(outcomes)), REMEMBERED)}
    if any(answer.kind is Answer.Kind.ACCEPTED for answer in answers):
        changes["sent_at"] = now
    if bad := [answer for answer, good in zip(answers, fine, strict=True) if not good]:
        changes |= {"error": bad[-1].error[:500], "failed_at": now}
    waits = [answer.retry_after for answer in answers if answer.account_waits and answer.retry_after]
    if waits:
        changes["free_at"] = Greatest(F("free_at"), Value(now + max(waits)))
    AccountState.objects.filter(account_id=account_id).update(**changes)
