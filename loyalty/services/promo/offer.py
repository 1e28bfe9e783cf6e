"""Whether a code may be used, and what it gives (semantics §42)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from django.utils.translation import gettext as _

from loyalty.models import PromoCode, PromoIssue, PromoPool, PromoRedemption, PromoRefusal
from loyalty.services.programme import current
from loyalty.services.promo.codes import MAX_LENGTH, normalise

Reason = PromoRefusal.Reason


class PromoError(Exception):
    """A promo code verb that is refused; nothing was changed."""


class PromoRefused(PromoError):
    """The code cannot be used. One text whatever the cause: the typed `reason` is for staff's log alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(_("This promo code cannot be used."))
        self.reason = reason


class KeyReused(PromoError):
    """The same (source, key) was redeemed before with another content (HTTP 409, semantics §36)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a code gives: descriptive, the shop applies it. Amounts in minor units of `currency`."""

    code: str
    pool: str
    gives: str
    percent: Decimal | None
    amount: int | None
    currency: str
    gift: str
    min_order: int | None
    # The first moment at which it may not be used any more (UTC); None: no end.
    expires_at: datetime | None
    # Uses of the code that are left; None: any number.
    uses_left: int | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A code that may be used at this moment, the client it counts for, and its last moment."""

    code: PromoCode
    client_id: int | None
    expires_at: datetime | None

    def offer(self) -> Offer:
        pool, code = self.code.pool, self.code
        return Offer(
            code=code.code,
            pool=pool.slug,
            gives=pool.gives,
            percent=pool.percent if pool.gives == PromoPool.Gives.PERCENT else None,
            amount=pool.amount if pool.gives == PromoPool.Gives.AMOUNT else None,
            currency=current().currency,
            gift=pool.gift if pool.gives == PromoPool.Gives.GIFT else "",
            min_order=pool.min_order,
            expires_at=self.expires_at,
            uses_left=None if code.max_uses is None else code.max_uses - code.uses,
        )


def find(text: str) -> PromoCode | None:
    """The code that was meant by what somebody typed."""
    normal = normalise(text)
    if not normal or len(normal) > MAX_LENGTH:
        return None
    return PromoCode.objects.select_related("pool").filter(normal=normal).first()


def judge(code: PromoCode | None, client_id: int | None, order_total: int | None, now: datetime) -> Judged:
    """Raises PromoRefused unless the code may be used by this client at `now` (UTC).

    A personal code that is shown without a client counts for its owner: having it is proof enough.
    `order_total` None: not known yet, so the smallest order is not checked.
    """
    if code is None:
        raise PromoRefused(Reason.UNKNOWN)
    pool = code.pool
    personal = pool.kind == PromoPool.Kind.PERSONAL
    if code.client_id and client_id and code.client_id != client_id:
        raise PromoRefused(Reason.FOREIGN)
    client_id = client_id or code.client_id
    if code.blocked or not pool.active:
        raise PromoRefused(Reason.INACTIVE)
    expires_at = pool.ends_at
    if personal or pool.days_after_issue:
        issue = _issue(code, client_id)
        if issue is None and pool.days_after_issue:
            raise PromoRefused(Reason.NOT_ISSUED)
        expires_at = min((end for end in (pool.ends_at, issue and issue.expires_at) if end), default=None)
    if pool.starts_at and now < pool.starts_at:
        raise PromoRefused(Reason.EARLY)
    if expires_at and now >= expires_at:
        raise PromoRefused(Reason.EXPIRED)
    if code.max_uses is not None and code.uses >= code.max_uses:
        raise PromoRefused(Reason.USED_UP)
    if pool.uses_per_client is not None:
        if client_id is None:
            raise PromoRefused(Reason.CLIENT_NEEDED)
        if uses_of(client_id, pool) >= pool.uses_per_client:
            raise PromoRefused(Reason.CLIENT_LIMIT)
    if pool.min_order and order_total is not None and order_total < pool.min_order:
        raise PromoRefused(Reason.SMALL_ORDER)
    return Judged(code, client_id, expires_at)


def uses_of(client_id: int, pool: PromoPool) -> int:
    """How often the client has used codes of the pool, cancelled uses left out."""
    return PromoRedemption.objects.filter(client=client_id, pool=pool, cancelled_at=None).count()


def _issue(code: PromoCode, client_id: int | None) -> PromoIssue | None:
    """The newest issue of the code to the client: its life counts from there."""
    issues = PromoIssue.objects.filter(code=code)
    if client_id is not None:
        issues = issues.filter(client=client_id)
    return issues.order_by("-issued_at", "-pk").first() if code.client_id or client_id else None


def fingerprint(*parts: object) -> str:
    """The content of a request, to tell a repetition from another request under the same key."""
    return sha256("|".join(map(str, parts)).encode()).hexdigest()
