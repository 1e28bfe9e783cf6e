"""The way of one client through one scenario as a story: what began it, the steps, the messages, what came of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.text import capfirst
from django.utils.translation import gettext as t

from loyalty.event_names import event_label
from loyalty.models import Order
from loyalty.money import major
from loyalty.services import programme
from messaging.models import Message, MessageRetry
from scenarios.models import STEP_TYPES, Attribution, RunLog, ScenarioRun
from scenarios.reasons import reason_label

_KINDS = {kind.__name__: kind for kind in STEP_TYPES}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened, at `at` (UTC). `tone`: began, step, not, sent, deed, won, ended."""

    at: datetime
    tone: str
    words: str
    detail: str = ""
    message: Message | None = None


def of_run(run: ScenarioRun, sentences: dict[str, str], full: bool) -> list[Moment]:
    """Everything about a run in the order of time. `sentences`: of the scenario's steps, by key; not `full`: without
    details, which may be codes or name the client.

    A fixed number of queries. Of a run whose log has been dropped, what messages and orders still tell.
    """
    lines = list(RunLog.objects.filter(run=run).select_related("event").order_by("pk"))
    messages = {message.pk: message for message in Message.objects.filter(run_id=run.pk).order_by("pk")}
    others = {line.message_id for line in lines if line.message_id} - messages.keys()
    messages |= Message.objects.in_bulk(others)  # to staff: of no run
    told: list[Moment] = []
    for line in lines:
        told.append(_line(line, messages.get(line.message_id or 0), sentences, full))
    known = {line.message_id for line in lines}
    for message in messages.values():
        if message.pk not in known:
            told.append(Moment(message.created_at, "step", _said(message), message=message))
        told += _deeds(message)
    for retry in MessageRetry.objects.filter(message__in=messages).order_by("pk"):
        told.append(Moment(retry.at, "not", t("%(by)s asked to send it again") % {"by": retry.by}))
    told += _orders(run, list(messages))
    if not any(moment.tone == "began" for moment in told):
        told.insert(0, Moment(run.entered_at, "began", t("Entered the scenario")))
    # Of one moment, in the order of what leads to what: lines came first into the list.
    return sorted(told, key=lambda moment: moment.at)


def _line(line: RunLog, message: Message | None, sentences: dict[str, str], full: bool) -> Moment:
    reason = reason_label(line.reason) if line.reason else ""
    details = [part for part in (reason, _gain(line), line.detail if full else "") if part]
    match line.kind:
        case RunLog.Kind.ENTERED:
            began = event_label(line.event.name) if line.event else ""
            return Moment(line.created_at, "began", t("Entered the scenario"), ": ".join([began, *details][:2]))
        case RunLog.Kind.STEP:
            kind = _KINDS.get(line.step_type)
            words = sentences.get(line.step_key) or capfirst(str(kind._meta.verbose_name if kind else line.step_type))
            return Moment(line.created_at, "step", words, " · ".join(details), message)
        case RunLog.Kind.ENDED:
            tone = "won" if line.reason in ("goal", "goal_step") else "ended"
            words = t("Left early") if reason and tone == "ended" else t("Came to the end")
            return Moment(line.created_at, tone, words, " · ".join(details))
        case _:
            return Moment(line.created_at, "not", capfirst(line.get_kind_display()), " · ".join(details))


def _gain(line: RunLog) -> str:
    if line.bonuses is None:
        return ""
    return t("%(n)s bonuses") % {"n": f"{Decimal(line.bonuses).scaleb(-programme.current().bonus_scale):+f}"}


def _said(message: Message) -> str:
    return t("Message by %(channel)s") % {"channel": message.get_channel_display()}


def _deeds(message: Message) -> Iterator[Moment]:
    """What became of a message, each at its own time."""
    name = message.get_channel_display()
    if message.sent_at:
        yield Moment(message.sent_at, "sent", t("%(channel)s: sent") % {"channel": name})
    if message.delivered_at:
        yield Moment(message.delivered_at, "sent", t("%(channel)s: delivered") % {"channel": name})
    if message.first_opened_at:
        yield Moment(message.first_opened_at, "deed", t("Opened the message (%(channel)s)") % {"channel": name})
    if message.first_clicked_at:
        yield Moment(message.first_clicked_at, "deed", t("Followed a link (%(channel)s)") % {"channel": name})


def _orders(run: ScenarioRun, message_ids: Sequence[int]) -> Iterator[Moment]:
    """Orders that belong to the messages, or that they helped with (semantics §49)."""
    own = Attribution.objects.filter(scenario=run.scenario_id, order__client=run.client_id)
    owned = list(own.filter(message_id__in=message_ids))
    orders = Order.objects.in_bulk([row.order_id for row in owned])
    for row in owned:
        order = orders.get(row.order_id)
        if order is None:
            continue
        values = {
            "number": order.number or order.external_id,
            "sum": f"{major(order.total - order.refunded, order.currency):,} {order.currency}".replace(",", "\u00a0"),
        }
        words = t("Order %(number)s for %(sum)s") % values
        why = t("belongs to this scenario") if row.owner else t("another message is nearer to it")
        yield Moment(order.ordered_at, "won" if row.owner else "deed", words, why)
