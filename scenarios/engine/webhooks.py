"""Calling other systems: queued in the runs' transaction, made at least once, signed by Standard Webhooks.

A call that is being made is due again when its caller must be dead; the id that it carries is the same at every try,
so that the other side can tell repetitions.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from secrets import token_bytes
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from standardwebhooks.webhooks import Webhook

from loyalty.intake.facts import Fact
from loyalty.services import stream
from messaging.channels import public_net
from scenarios.engine import safe_http
from scenarios.models import RunLog, WebhookCall

# Calls in flight at the same time.
HANDFUL = 16
# How long a call may take before its caller is taken for dead: longer than any answer is waited for.
LEASE = timedelta(minutes=2)
# Waits before the 2nd, 3rd … try.
BACKOFF = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
]
LONGEST = timedelta(hours=24)  # that Retry-After may ask for
MAX_TOLD = 16_000  # bytes of an answer that become an event

_State = WebhookCall.State


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be queued."""

    endpoint_id: int
    scenario_id: int
    run_id: int
    client_id: int
    step_key: str
    visit: int
    body: str
    # Chain depth of the event that tells of the answer (semantics §18).
    depth: int = 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    call: WebhookCall
    answer: safe_http.Answer | None
    error: str = ""
    hopeless: bool = False


def new_secret() -> str:
    """A signing secret, as Standard Webhooks writes it."""
    return "whsec_" + b64encode(token_bytes(32)).decode()


def is_secret(text: str) -> bool:
    """Whether the text can sign: base64, with or without its prefix."""
    try:
        return len(b64decode(text.removeprefix("whsec_"), validate=True)) >= 16
    except ValueError:
        return False


def queue(calls: Sequence[Call], now: datetime) -> None:
    """Queues calls in the caller's transaction; a visit of a step calls once."""
    if not calls:
        return
    WebhookCall.objects.bulk_create(
        [
            WebhookCall(
                endpoint_id=call.endpoint_id,
                scenario_id=call.scenario_id,
                run_id=call.run_id,
                client_id=call.client_id,
                step_key=call.step_key,
                visit=call.visit,
                depth=call.depth,
                body=call.body,
                due_at=now,
                created_at=now,
            )
            for call in calls
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )
    nudge = import_string(settings.JOB_NUDGE)
    transaction.on_commit(partial(nudge, "scenarios.jobs.call_webhooks", "outbox"), robust=True)


def call_due(now: datetime) -> int:
    """Makes a handful of the calls that are due; returns how many."""
    calls = _claim(now)
    if not calls:
        return 0
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        outcomes = list(pool.map(partial(_make, now=now), calls))
    with transaction.atomic():
        _settle(outcomes, now)
    return len(calls)


def again(calls: Sequence[WebhookCall], now: datetime) -> int:
    """Tries failed calls once more, from the beginning; returns how many."""
    ids = [call.pk for call in calls]
    return WebhookCall.objects.filter(pk__in=ids, state=_State.FAILED).update(
        state=_State.WAITING, tries=0, due_at=now, done_at=None
    )


def _claim(now: datetime) -> list[WebhookCall]:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE scenarios_webhookcall SET due_at = %s, tries = tries + 1
               WHERE id IN (SELECT id FROM scenarios_webhookcall WHERE state = 'waiting' AND due_at <= %s
                            ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
               RETURNING id""",
            [now + LEASE, now, HANDFUL],
        )
        ids = [call_id for (call_id,) in cursor.fetchall()]
    return list(WebhookCall.objects.filter(pk__in=ids).select_related("endpoint").order_by("pk"))


def _make(call: WebhookCall, now: datetime) -> _Outcome:
    """Makes one call; touches no database, for it runs in a thread."""
    endpoint = call.endpoint
    if not endpoint.active:
        return _Outcome(call, None, "the webhook is switched off", hopeless=True)
    try:
        answer = safe_http.post(endpoint.url, call.body.encode(), _headers(call, now), settings.WEBHOOK_ALLOW)
    except public_net.Refused as error:
        return _Outcome(call, None, str(error), hopeless=True)
    except safe_http.Unreachable as error:
        return _Outcome(call, None, str(error))
    if 200 <= answer.status < 300:
        return _Outcome(call, answer)
    # 410: the other side wants no more of this (Standard Webhooks).
    return _Outcome(call, answer, f"HTTP {answer.status}", hopeless=answer.status == 410)


def _headers(call: WebhookCall, now: datetime) -> dict[str, str]:
    endpoint = call.endpoint
    headers: dict[str, str] = json.loads(endpoint.headers) if endpoint.headers else {}
    headers |= {
        "Content-Type": "application/json",
        "User-Agent": "loyalty-platform",
        "webhook-id": call.webhook_id(),
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if endpoint.secret:
        headers["webhook-signature"] = Webhook(endpoint.secret).sign(call.webhook_id(), now, call.body)
    return headers


def _settle(outcomes: Sequence[_Outcome], now: datetime) -> None:
    failed: list[WebhookCall] = []
    for outcome in outcomes:
        call, answer = outcome.call, outcome.answer
        call.status, call.error = answer.status if answer else None, outcome.error[:500]
        if not outcome.error:
            call.state, call.done_at = _State.DELIVERED, now
        elif outcome.hopeless or call.tries > len(BACKOFF):
            call.state, call.done_at = _State.FAILED, now
            failed.append(call)
        else:
            asked = public_net.patience(answer.retry_after, now) if answer else None
            call.due_at = now + max(BACKOFF[call.tries - 1], min(asked or timedelta(0), LONGEST))
    WebhookCall.objects.bulk_update(
        [outcome.call for outcome in outcomes], ["state", "status", "error", "due_at", "done_at"]
    )
    RunLog.objects.bulk_create(
        RunLog(
            scenario_id=call.scenario_id,
            client_id=call.client_id,
            run_id=call.run_id,
            kind=RunLog.Kind.FAILURE,
            step_key=call.step_key,
            step_type="CallWebhook",
            reason="webhook_failed",
            detail=call.error,
            created_at=now,
        )
        for call in failed
    )
    _tell([outcome for outcome in outcomes if not outcome.error], now)


def _tell(delivered: Sequence[_Outcome], now: datetime) -> None:
    """What the other side answered is an event: a scenario may wait for it and branch by it."""
    facts, clients = [], []
    for outcome in delivered:
        said = _json(outcome.answer.body if outcome.answer else b"")
        if said is None:
            continue
        call = outcome.call
        payload = {"webhook": call.endpoint.slug, "run": call.run_id, "step": call.step_key, "answer": said}
        facts.append(Fact(f"webhook:{call.pk}", "webhook.answered", now, payload=payload, depth=call.depth))
        clients.append(call.client_id)
    stream.append(stream.platform(), facts, clients, now)


def _json(body: bytes) -> dict[str, Any] | None:
    """The answer where it is a JSON object of a decent size."""
    if not body or len(body) > MAX_TOLD or b"\\u0000" in body:
        return None
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and said else None


def endpoint_headers(text: str) -> str:
    """Headers typed one a line as "Name: value", in the form that is stored. Raises ValueError naming the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        token = name.replace("-", "").replace("_", "")
        if not colon or not value or not token.isascii() or not token.isalnum() or not value.isprintable():
            raise ValueError(f"{number}: {name[:50]}")
        if name.lower().startswith("webhook-") or name.lower() in _OURS:
            raise ValueError(f"{number}: {name[:50]}")
        found[name] = value
    return json.dumps(found) if found else ""


# Headers that are this platform's to say.
_OURS = {"host", "content-length", "content-type", "transfer-encoding", "connection"}
