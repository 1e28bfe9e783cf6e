"""Orders of tills, apps and sites by the API: quote → hold → pay → cancel or refund (semantics §34–36, §39–40).

Every verb but `quote` and `hold` records a fact, the same that the shop's webhook would bring and under the same id;
what follows from it is `settlement.settle`'s. So an order may be paid by the API and told again by a webhook, or the
other way round, and a refund may overtake its payment: each counts once.

Lines cost what they cost after the shop's discounts and before bonuses, in minor units of the currency; so do the
totals and the refunds. Bonuses are in minor units of the programme.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty.intake import goods, read
from loyalty.intake.facts import Fact, Line, OrderFact
from loyalty.models import BonusHold, Category, Event, Order, Product, Purchase, Source
from loyalty.services import accrual, ledger, levels, orders, programme, redemption
from loyalty.services.accrual import Accrual
from loyalty.services.basket import Item
from loyalty.services.events import record
from loyalty.services.redemption import Limit
from loyalty.services.settlement import SOURCE

HOLD_FOR = timedelta(minutes=30)  # the time of a checkout


class PurchaseError(Exception):
    """A verb that an order refuses; nothing was changed."""


class NotPayable(PurchaseError):
    """More bonuses than the rules let this order be paid with; `limit` says how many, and what bounds them."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(_("At most %(n)s bonuses may pay for this order.") % {"n": limit.bonuses})
        self.limit = limit


class WrongState(PurchaseError):
    """The order is not in a state that allows it."""


class OrderNotFound(PurchaseError):
    """There is no such order."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would earn and how many bonuses may pay for it.

    `spend`: the bonuses that the quote counts with, `spend_money` their worth, `to_pay` the money that is left.
    """

    items: tuple[Item, ...]
    total: int
    available: int
    limit: Limit
    spend: int
    spend_money: int
    to_pay: int
    earned: Accrual


def quote(
    source: Source, client_id: int | None, lines: Sequence[Line], now: datetime, spend: int | None = None
) -> Quote:
    """How many bonuses the order would earn and how many may be spent on it; changes nothing.

    `client_id` None: a guest, who has no bonuses and no level. `spend`: how many the client would like to spend;
    a quote takes as many of them as are allowed (a hold is refused instead). None: all that are allowed.
    """
    settings = programme.current()
    spending = programme.spending(settings)
    items = items_of(source, lines)
    available = ledger.balance(client_id, now).available if client_id else 0
    limit = redemption.limit(items, available, spending)
    used = limit.bonuses if spend is None else max(min(spend, limit.bonuses), 0)
    if block := spending.block * 10**spending.scale:
        used -= used % block
    worth = spending.money(used)
    level = levels.standings([client_id]).get(client_id) if client_id else None
    shares = accrual.share_spent(items, [spending.payable(item) for item in items], worth)
    rules = programme.rules(settings)
    earned = accrual.compute(items, level, rules, shares, now, programme.zone(), programme.terms(settings))
    whole = sum(item.total for item in items)
    return Quote(tuple(items), whole, available, limit, used, worth, whole - worth, earned)


def items_of(source: Source, lines: Sequence[Line]) -> list[Item]:
    """Lines as rules see them; what a line does not say of its product, the catalogue does."""
    wanted = {line.product.external_id for line in lines if line.product.external_id}
    known = {product.external_id: product for product in Product.objects.filter(source=source, external_id__in=wanted)}
    named = {line.product.category_id or line.product.category for line in lines} - {""}
    categories = dict(Category.objects.filter(source=source, external_id__in=named).values_list("external_id", "pk"))
    items = []
    for line in lines:
        product = known.get(line.product.external_id)
        category = categories.get(line.product.category_id or line.product.category)
        items.append(
            Item(
                total=line.total,
                title=line.product.title or (product.title if product else ""),
                external_id=line.product.external_id,
                product=product.pk if product else None,
                category=category or (product.category_id if product else None),
                brand=line.product.brand or (product.brand if product else ""),
            )
        )
    return items


def hold(
    source: Source,
    order_id: str,
    client_id: int,
    lines: Sequence[Line],
    bonuses: int,
    now: datetime,
    deadline: datetime | None = None,
) -> Purchase:
    """Sets `bonuses` aside for an order of `lines` until `deadline` (UTC; 30 minutes where it is not said).

    Repeated with the same number it returns the same hold; with another one it replaces it, while the order is
    not paid. Raises `NotPayable`, `WrongState`, `ledger.InsufficientBonuses`, and ValueError for a number that is
    not positive.
    """
    if bonuses <= 0:
        raise ValueError(f"bonuses: must be positive, not {bonuses}")
    spending = programme.spending(programme.current())
    items = items_of(source, lines)
    with transaction.atomic():
        order = _open_order(source, order_id, client_id, now)
        purchase, _created = Purchase.objects.select_for_update(of=("self",)).get_or_create(order=order)
        if order.status != Order.Status.CREATED:
            raise WrongState(_("The order is %s.") % order.get_status_display())
        held = purchase.hold
        live = held is not None and held.state == BonusHold.State.OPEN and held.deadline > now
        if held is not None and live and held.amount == bonuses and purchase.bill == sum(i.total for i in items):
            return purchase
        if held is not None and held.state == BonusHold.State.OPEN:
            ledger.release(held.pk, now)
        # Of the rules alone; what the client has is the ledger's to say.
        allowed = redemption.limit(items, bonuses, spending)
        if allowed.bonuses < bonuses:
            raise NotPayable(allowed)
        again = BonusHold.objects.filter(source=SOURCE, key__startswith=f"order:{order.pk}:").count()
        key = f"order:{order.pk}:{again}"
        reason = _("Order %s") % order
        purchase.hold_id = ledger.hold(SOURCE, client_id, bonuses, key, deadline or now + HOLD_FOR, now, reason)
        purchase.bill = sum(item.total for item in items)
        purchase.save(update_fields=["hold", "bill"])
    return Purchase.objects.select_related("hold", "order").get(pk=purchase.pk)


def create(source: Source, order_id: str, client_id: int, lines: Sequence[Line], now: datetime) -> Order:
    """Records that the order was placed; it earns when it is paid. Placed before: the order as it is."""
    with transaction.atomic():
        order = _open_order(source, order_id, client_id, now)
        _record(source, order, "order.created", Order.Status.CREATED, lines, now)
    return _order(source, order_id)


def pay(
    source: Source,
    order_id: str,
    now: datetime,
    lines: Sequence[Line] | None = None,
    client_id: int | None = None,
) -> Purchase:
    """Records the payment: captures what is held for the order, and accrues what it earns. Once an order.

    An order that was not placed before needs `lines` and `client_id`. Raises `OrderNotFound`, `WrongState` for one
    that was cancelled, and `ledger.HoldExpired` where the hold has lapsed: hold again, or pay all of it in money.
    """
    with transaction.atomic():
        if client_id is not None and lines is not None:
            _open_order(source, order_id, client_id, now)
        order = _locked(source, order_id)
        if order.status == Order.Status.CANCELLED:
            raise WrongState(_("The order is %s.") % order.get_status_display())
        purchase = Purchase.objects.filter(order=order).select_related("hold").first()
        hold = purchase.hold if purchase else None
        if hold is not None and hold.state == BonusHold.State.OPEN and hold.deadline <= now:
            raise ledger.HoldExpired(f"hold: {hold.pk} lapsed at {hold.deadline.isoformat()}")
        if lines is None and not orders.is_told(order):
            raise WrongState(_("Nobody has told what is in the order: its lines are needed."))
        if order.status == Order.Status.CREATED or not orders.is_told(order):
            _record(source, order, "order.paid", Order.Status.PAID, lines, now)
    return of(source, order_id)


def cancel(source: Source, order_id: str, now: datetime) -> Purchase:
    """Records the cancellation: what is held is released, what was spent returns, what was earned is clawed back."""
    with transaction.atomic():
        _record(source, _locked(source, order_id), "order.cancelled", Order.Status.CANCELLED, None, now)
    return of(source, order_id)


def refund(
    source: Source,
    order_id: str,
    refund_id: str,
    now: datetime,
    amount: int | None = None,
    of_goods: dict[str, int] | None = None,
) -> Purchase:
    """Records that goods worth `amount` came back (None: all that is left of the order).

    Spent bonuses return in proportion to the order, earned ones are clawed back down to what the rest deserves.
    `of_goods`: which goods, a product's external id → its value; the rest of `amount` is spread over all lines.
    `refund_id` counts once: the same again changes nothing, with another amount it is `ledger.KeyReused`.
    Raises `OrderNotFound`, `WrongState` for an order that is not paid, `ledger.TooMuch`, and ValueError for an amount
    that is not positive.
    """
    worth = sum((of_goods or {}).values())
    if amount is None and of_goods:
        amount = worth
    if amount is not None and (amount <= 0 or worth > amount or any(part < 0 for part in (of_goods or {}).values())):
        raise ValueError("amount: must be positive and cover the goods")
    key = read.key(f"refund:{refund_id}")
    with transaction.atomic():
        order = _locked(source, order_id)
        known = Event.objects.filter(source=source, external_id=key).values_list("payload", flat=True).first()
        if known is not None:
            said = known.get("refunded")
            if (
                known.get("order_id") != order_id
                or amount is not None
                and said != read.in_units(amount, order.currency)
            ):
                raise ledger.KeyReused(f"refund_id: {refund_id!r} was used before for another refund")
            return of(source, order_id)
        if order.status not in (Order.Status.PAID, Order.Status.PART_REFUNDED):
            raise WrongState(_("The order is %s.") % order.get_status_display())
        left = order.total - order.refunded
        if amount is not None and amount > left:
            raise ledger.TooMuch(f"amount: {amount} is more than the {left} that is left of the order")
        given = left if amount is None else amount
        fact = OrderFact(
            order_id,
            now,
            status=Order.Status.REFUNDED.value if given == left else "",
            refunded=given,
            refunded_goods=of_goods or {},
        )
        said = read.in_units(given, order.currency)
        payload = goods.order_payload(order_id, order.currency, None, 0, None, refund_id=refund_id, refunded=said)
        record(source, [Fact(key, "order.refunded", now, payload=payload, order=fact)], now)
    return of(source, order_id)


def of(source: Source, order_id: str) -> Purchase:
    """The bonus side of an order, empty where it has none. Raises `OrderNotFound`."""
    order = _order(source, order_id)
    found = Purchase.objects.filter(order=order).select_related("hold", "order").first()
    return found or Purchase(order=order)


def _order(source: Source, order_id: str) -> Order:
    order = Order.objects.filter(source=source, external_id=order_id).first()
    if order is None:
        raise OrderNotFound(_("There is no order %s.") % order_id)
    return order


def _locked(source: Source, order_id: str) -> Order:
    order = Order.objects.select_for_update(no_key=True).filter(source=source, external_id=order_id).first()
    if order is None:
        raise OrderNotFound(_("There is no order %s.") % order_id)
    return order


def _open_order(source: Source, order_id: str, client_id: int, now: datetime) -> Order:
    """The order, locked; made where nobody has told of it yet."""
    row = Order(
        source=source, external_id=order_id, client_id=client_id, total=0, ordered_at=now, changed_at=orders.UNTOLD
    )
    Order.objects.bulk_create([row], ignore_conflicts=True)
    order = _locked(source, order_id)
    if order.client_id is None:
        order.client_id = client_id
        order.save(update_fields=["client"])
    elif order.client_id != client_id:
        raise WrongState(_("The order is another client's."))
    return order


def _record(
    source: Source, order: Order, name: str, status: Order.Status, lines: Sequence[Line] | None, now: datetime
) -> None:
    """Records what happened to the order, under the id that the shop's own webhook would give it."""
    currency = order.currency or programme.current().currency
    found = None if lines is None else list(lines)
    total = None if found is None else goods.total(found)
    news = OrderFact(
        order.external_id,
        now,
        status=status.value,
        currency=currency,
        total=total,
        lines=found,
        ordered_at=None if orders.is_told(order) else now,
    )
    payload = goods.order_payload(order.external_id, currency, total, 0, found, number=order.number)
    record(source, [Fact(read.key(f"{name}:{order.external_id}"), name, now, payload=payload, order=news)], now)
