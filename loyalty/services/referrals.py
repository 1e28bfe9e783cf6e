"""Bringing friends: who brought whom, what both get for it, and when it is taken back (semantics §41).

Registration writes who brought whom in the transaction of the event that tells it; the ledger is touched by
the job alone, so that intake never waits for accounts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from loyalty.intake.facts import Fact
from loyalty.models import Client, Order, Referral, ReferralRules
from loyalty.services import ledger, stream
from loyalty.services.referral_codes import client_of, code_of

State, Reason = Referral.State, Referral.Reason
SOURCE = "referral"
BATCH = 500
# A registration may come a little after the order that it was made for; older orders make a client known.
EARLIER = timedelta(days=1)
# An order in these may count for the friend; what came back of it is looked at beside.
_PAID = (Order.Status.PAID, Order.Status.PART_REFUNDED)


def current() -> ReferralRules:
    """The rules; created, switched off, where nobody has saved them yet."""
    return ReferralRules.objects.get_or_create(pk=1)[0]


def link(client_id: int, rules: ReferralRules) -> str:
    """The client's referral link."""
    return f"{settings.PUBLIC_URL}/ref/{code_of(client_id, rules.key)}/"


def referrer(code: str, rules: ReferralRules) -> Client | None:
    """The client whose code this is; of one who was merged, whom they are now."""
    client_id = client_of(code, rules.key)
    client = Client.objects.select_related("merged_into").filter(pk=client_id).first() if client_id else None
    return client.merged_into or client if client else None


def clicked(client: Client, code: str, visitor: str, now: datetime) -> None:
    """Records that somebody followed the client's link, once per visitor and day (T38).

    `visitor` is whatever tells visitors apart; only a hash of it is kept.
    """
    trace = blake2b(visitor.encode("utf-8", "replace"), digest_size=12, key=settings.SECRET_KEY.encode()[:64])
    fact = Fact(
        f"ref-click:{client.pk}:{trace.hexdigest()}:{now:%Y%m%d}", "referral.clicked", now, payload={"code": code}
    )
    stream.append(stream.platform(), [fact], [client.pk], now)


# --- registration ------------------------------------------------------------------------------------


def said_in(fact: Fact) -> str:
    """The referral code that a registration carries: `referral_code` of the event or of the client."""
    said = fact.payload.get("referral_code") or (fact.profile and fact.profile.attributes.get("referral_code"))
    return said.strip()[:100] if isinstance(said, str) else ""


def attribute(told: Iterable[tuple[Fact, int | None]], created: set[int], now: datetime) -> None:
    """Notes who brought the clients that the facts register; call in the transaction that records them.

    A client who was there before is nobody's friend: only a registration counts, or the first that is heard
    of somebody. A code that is nobody's is passed over.
    """
    for fact, client_id in told:
        registers = fact.name == "customer.registered" or client_id in created
        if client_id is not None and registers and fact.triggers and (code := said_in(fact)):
            register(client_id, code, fact.occurred_at, now)


def register(referee_id: int, code: str, registered_at: datetime, now: datetime) -> Referral | None:
    """Notes that the client came by this code; None where the rules are off or the code is nobody's.

    The first code counts: a client is brought once. What speaks against it is stored as a refusal with its reason.
    """
    rules = current()
    if not rules.active or (by := referrer(code, rules)) is None:
        return None
    with transaction.atomic():
        referee = Client.objects.get(pk=referee_id)
        reason = _against(by, referee, registered_at)
        at_once = rules.when == ReferralRules.When.REGISTRATION
        state = State.REFUSED if reason else State.WAITING if at_once else State.REGISTERED
        referral, new = Referral.objects.get_or_create(
            referee=referee,
            defaults={
                "referrer": by,
                "code": code[:32],
                "state": state,
                "reason": reason,
                "registered_at": registered_at,
                "due_at": now if state == State.WAITING else None,
                "resolved_at": now if reason else None,
            },
        )
        if new and not reason:
            _tell("referral.registered", [referral], now)
            _nudge()
    return referral


def _against(by: Client, referee: Client, registered_at: datetime) -> str:
    """What forbids the referral, or nothing."""
    if by.pk == referee.pk or by.pk == referee.merged_into_id:
        return Reason.SELF
    if by.phone and by.phone == referee.phone:
        return Reason.SAME_PHONE
    if by.email and _mailbox(by.email) == _mailbox(referee.email):
        return Reason.SAME_EMAIL
    if Referral.objects.filter(referrer=referee, referee=by).exclude(state=State.REFUSED).exists():
        return Reason.CIRCLE
    before = referee.registered_at is not None and referee.registered_at < registered_at - EARLIER
    if before or Order.objects.filter(client=referee, ordered_at__lt=registered_at - EARLIER).exists():
        return Reason.KNOWN
    return ""


def _mailbox(email: str) -> str:
    """An address without what its owner may add to it: anna+shop@example.com is Anna's own."""
    name, _at, host = email.lower().rpartition("@")
    return f"{name.partition('+')[0]}@{host}"


def _tell(event: str, referrals: Sequence[Referral], now: datetime) -> None:
    """An event of both, each with their part in it."""
    facts, clients = [], []
    for referral in referrals:
        for role, client_id in (("referrer", referral.referrer_id), ("referee", referral.referee_id)):
            payload = {"role": role, "referral": referral.pk, "code": referral.code}
            facts.append(Fact(f"{event}:{referral.pk}:{role}", event, now, payload=payload))
            clients.append(client_id)
    stream.append(stream.platform(), facts, clients, now)


def _nudge() -> None:
    nudge = import_string(settings.JOB_NUDGE)
    transaction.on_commit(partial(nudge, "loyalty.jobs.reward_referrals", "default"), robust=True)


# --- rewards -----------------------------------------------------------------------------------------


def reward_due(now: datetime, limit: int = BATCH) -> int:
    """Does what is due: looks for the friends' first orders, rewards, takes back; returns how many changed."""
    rules = current()
    moved = _expire(rules, now, limit) + _watch(rules, now, limit)
    return moved + _pay_due(rules, now, limit) + _take_back_due(now, limit)


def _expire(rules: ReferralRules, now: datetime, limit: int) -> int:
    old = Referral.objects.filter(state=State.REGISTERED, registered_at__lt=now - timedelta(days=rules.valid_days))
    ids = list(old.order_by("registered_at").values_list("pk", flat=True)[:limit])
    return Referral.objects.filter(pk__in=ids, state=State.REGISTERED).update(state=State.EXPIRED, resolved_at=now)


def _watch(rules: ReferralRules, now: datetime, limit: int) -> int:
    """Finds the first paid order of friends who had none; the reward is due when it can no longer be returned."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH bought AS (
                 SELECT r.id, o.id AS order_id, coalesce(p.paid_at, o.ordered_at) AS paid_at
                 FROM loyalty_referral r
                 JOIN LATERAL (
                   SELECT id, external_id, ordered_at FROM loyalty_order
                   WHERE client_id = r.referee_id AND status = ANY(%(paid)s)
                     AND total - refunded >= %(least)s
                     AND ordered_at >= r.registered_at - %(earlier)s * interval '24 hours'
                   ORDER BY ordered_at, id LIMIT 1) AS o ON true
                 LEFT JOIN LATERAL (
                   SELECT min(occurred_at) AS paid_at FROM loyalty_event
                   WHERE client_id = r.referee_id AND name = 'order.paid'
                     AND payload ->> 'order_id' = o.external_id) AS p ON true
                 WHERE r.state = 'registered' LIMIT %(limit)s)
               UPDATE loyalty_referral r
               SET state = 'waiting', order_id = bought.order_id,
                   due_at = bought.paid_at + %(window)s * interval '24 hours'
               FROM bought WHERE r.id = bought.id AND r.state = 'registered'""",
            {
                "paid": [status.value for status in _PAID],
                "least": rules.min_order or 1,
                "earlier": EARLIER.days,
                "window": rules.window_days,
                "limit": limit,
            },
        )
        return cursor.rowcount


def _due(state: str, now: datetime, limit: int) -> list[Referral]:
    return list(
        Referral.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("order")
        .filter(state=state, due_at__lte=now)
        .order_by("due_at", "pk")[:limit]
    )


def stands(order: Order, rules: ReferralRules) -> bool:
    """Whether the order still earns the reward."""
    return order.status in _PAID and order.total - order.refunded >= (rules.min_order or 1)


@transaction.atomic
def _pay_due(rules: ReferralRules, now: datetime, limit: int) -> int:
    due = _due(State.WAITING, now, limit)
    paid: list[Referral] = []
    for referral in due:
        if referral.order is not None and not stands(referral.order, rules):
            # Returned within its window: the next paid order may count instead.
            referral.state, referral.order, referral.due_at = State.REGISTERED, None, None
        else:
            referral.state, referral.resolved_at = State.REWARDED, now
            paid.append(referral)
    _cap(rules, paid)
    _pay(rules, paid, now)
    Referral.objects.bulk_update(
        due,
        ["state", "reason", "order", "due_at", "resolved_at", "referrer_operation", "referee_operation"],
        batch_size=200,
    )
    _tell("referral.rewarded", paid, now)
    return len(due)


def _cap(rules: ReferralRules, paid: Sequence[Referral]) -> None:
    """Marks those whose referrer has brought as many as count. One worker at a time counts for a referrer."""
    if rules.cap is None or not paid:
        return
    ids = sorted({referral.referrer_id for referral in paid})
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_advisory_xact_lock(k) FROM (
                 SELECT hashtextextended('referrer:' || id, 13) AS k
                 FROM unnest(%s::bigint[]) AS id ORDER BY k) AS keys""",
            [ids],
        )
        cursor.execute(
            """SELECT referrer_id, count(*) FROM loyalty_referral
               WHERE referrer_id = ANY(%s) AND state = 'rewarded' AND reason <> 'cap' GROUP BY 1""",
            [ids],
        )
        rewarded = dict(cursor.fetchall())
    for referral in sorted(paid, key=lambda each: (each.registered_at, each.pk)):
        rewarded[referral.referrer_id] = rewarded.get(referral.referrer_id, 0) + 1
        if rewarded[referral.referrer_id] > rules.cap:
            referral.reason = Reason.CAP


def _pay(rules: ReferralRules, paid: Sequence[Referral], now: datetime) -> None:
    expires_at = None
    if rules.lifetime_days:
        expires_at = ledger.lifetime_end(now, rules.lifetime_days, timezone.get_default_timezone())
    grants = []
    for referral in paid:
        if rules.referrer_amount and referral.reason != Reason.CAP:
            grants.append(_grant(referral, "referrer", rules.referrer_amount, now, expires_at))
        if rules.referee_amount:
            grants.append(_grant(referral, "referee", rules.referee_amount, now, expires_at))
    posted = ledger.accrue_many(SOURCE, grants, now)
    for referral in paid:
        referral.referrer_operation_id = posted.get(_key(referral, "referrer"))
        referral.referee_operation_id = posted.get(_key(referral, "referee"))


def _key(referral: Referral, role: str) -> str:
    return f"referral:{referral.pk}:{role}"


def _grant(referral: Referral, role: str, amount: int, now: datetime, expires_at: datetime | None) -> ledger.Grant:
    client_id = referral.referrer_id if role == "referrer" else referral.referee_id
    words = _("For a friend") if role == "referrer" else _("By a friend's invitation")
    return ledger.Grant(client_id, amount, _key(referral, role), now, expires_at, words)


# --- taking back -------------------------------------------------------------------------------------


def returned(order_ids: Iterable[int], now: datetime) -> None:
    """Notes rewarded referrals whose order no longer earns the reward; the job takes the bonuses back."""
    ids = list(order_ids)
    if not ids:
        return
    rewarded = Referral.objects.filter(order__in=ids, state=State.REWARDED).select_related("order")
    rules = current() if rewarded else None
    gone = [each.pk for each in rewarded if rules and each.order and not stands(each.order, rules)]
    if gone:
        Referral.objects.filter(pk__in=gone, state=State.REWARDED).update(state=State.RETURNING, due_at=now)
        _nudge()


@transaction.atomic
def _take_back_due(now: datetime, limit: int) -> int:
    due = _due(State.RETURNING, now, limit)
    for referral in due:
        for role, operation_id in (
            ("referrer", referral.referrer_operation_id),
            ("referee", referral.referee_operation_id),
        ):
            if operation_id is not None:
                words = _("The friend's order came back")
                ledger.clawback(SOURCE, operation_id, 0, f"{_key(referral, role)}:back", now, words)
        referral.state, referral.reason, referral.due_at = State.REVERSED, Reason.RETURNED, None
    Referral.objects.bulk_update(due, ["state", "reason", "due_at"], batch_size=200)
    return len(due)


def merge(guest: int, into: int, now: datetime) -> None:
    """Referrals follow a client who turns out to be another one; a client who brought themselves is refused."""
    Referral.objects.filter(referrer=guest, referee=into).exclude(state=State.REWARDED).update(
        state=State.REFUSED, reason=Reason.SELF, due_at=None, resolved_at=now
    )
    Referral.objects.filter(referrer=into, referee=guest).exclude(state=State.REWARDED).update(
        state=State.REFUSED, reason=Reason.SELF, due_at=None, resolved_at=now
    )
    Referral.objects.filter(referrer=guest).exclude(referee=into).update(referrer=into)
    if not Referral.objects.filter(referee=into).exists():
        Referral.objects.filter(referee=guest).exclude(referrer=into).update(referee=into)
