"""Bringing bonuses in line with what is known of orders: the one place where orders earn, pay and give back.

`settle` looks at the state of an order, not at the news that changed it. So the news may arrive in any order and any
number of times: a refund before its payment, a payment by the API and again by a webhook (semantics §35–36).
It is called by `events.record` for every order that a delivery touched, in the same transaction.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from loyalty.models import BonusHold, Order, OrderLine, Purchase, PurchaseAccrual
from loyalty.money import apportion
from loyalty.services import accrual, accrual_terms, ledger, levels, order_bonuses, orders, programme
from loyalty.services.accrual import Accrual, Rule
from loyalty.services.basket import Item, total
from loyalty.services.ledger import accounts
from loyalty.services.redemption import Spending

# The source of the ledger's operations; their keys name the order, and the rule or how far a refund went.
SOURCE = order_bonuses.SOURCE
_PAID = (Order.Status.PAID, Order.Status.PART_REFUNDED, Order.Status.REFUNDED)
_OVER = (Order.Status.CANCELLED, Order.Status.REFUNDED)


def settle(order_ids: Iterable[int], now: datetime, clients: Iterable[int] = ()) -> None:
    """Captures, accrues, returns and claws back what the orders' states ask for; then measures levels again.

    Call inside a transaction that holds the orders' rows locked. `clients`: others whose level may have changed.
    """
    found = list(Order.objects.filter(pk__in=list(order_ids), client__isnull=False).order_by("pk"))
    purchases = {
        purchase.order_id: purchase for purchase in Purchase.objects.filter(order__in=found).select_related("hold")
    }
    due = [order for order in found if _earns(order, purchases.get(order.pk))]
    back = [order for order in found if order.status in _OVER or order.refunded]
    # All accounts at once and in id order, before any of them is touched: two batches queue, they never deadlock.
    if due or back:
        accounts.lock(order.client_id for order in {*due, *back} if order.client_id)
    if due:
        _earn(due, purchases, now)
    for order in back:
        if order.pk in purchases:
            _take_back(order, purchases[order.pk], now)
    _show(found, purchases)
    order_bonuses.take_back([order.pk for order in back], now)
    touched = {order.client_id for order in found if order.client_id} | set(clients)
    live = {order.client_id for order in found if order.client_id and not order.history}
    levels.recompute(touched, now, quiet=touched - live)


def _earns(order: Order, purchase: Purchase | None) -> bool:
    """Whether the order is paid, its sum is told, and it has not been counted yet."""
    counted = purchase is not None and purchase.counted_at is not None
    return order.status in _PAID and not order.history and not counted and orders.is_told(order)


def _earn(due: list[Order], purchases: dict[int, Purchase], now: datetime) -> None:
    settings, zone = programme.current(), programme.zone()
    terms, spending, rules = programme.terms(settings), programme.spending(settings), programme.rules(settings)
    standings = levels.standings(order.client_id for order in due if order.client_id)
    baskets = _items_of(due)
    grants: dict[str, tuple[ledger.Grant, int, int]] = {}
    for order in due:
        purchase = purchases.setdefault(order.pk, Purchase(order=order))
        _capture(purchase, now)
        purchase.counted_at = now
        if order.currency != settings.currency:
            # Bonuses have a value in the programme's money alone; a rate is nobody's to guess.
            purchase.problem = purchase.problem or _("The order is in another currency than the programme.")
            continue
        items, level = baskets[order.pk], standings.get(order.client_id or 0)
        spent = _paid_with_bonuses(purchase, items, spending)
        result = accrual.compute(items, level, rules, spent, order.ordered_at, zone, terms)
        purchase.earned, purchase.terms = result.bonuses, accrual_terms.dump(items, result, level, terms)
        for grant, rule in _grants(order, result, rules, zone, now):
            grants[grant.key] = (grant, order.pk, rule)
    operations = ledger.accrue_many(SOURCE, [grant for grant, _order, _rule in grants.values()], now)
    _save(due, purchases)
    PurchaseAccrual.objects.bulk_create(
        PurchaseAccrual(
            purchase_id=order_id, rule_id=rule, operation_id=operations[key], amount=grant.amount, kept=grant.amount
        )
        for key, (grant, order_id, rule) in grants.items()
    )


def _paid_with_bonuses(purchase: Purchase, items: list[Item], spending: Spending) -> list[int]:
    """What of each line was paid with bonuses, in money.

    A shop may tell its totals before bonuses, or with bonuses already taken off: only the former are lowered here.
    """
    worth = spending.money(purchase.spent)
    if purchase.bill is not None:
        taken_off = max(purchase.bill - total(items), 0)
        worth = max(worth - taken_off, 0)
    return accrual.share_spent(items, [spending.payable(item) for item in items], worth)


def _capture(purchase: Purchase, now: datetime) -> None:
    """Spends what was held for the order. A hold that lapsed is not spent: a shop cannot be refused its own news."""
    hold = purchase.hold
    if hold is None or hold.state != BonusHold.State.OPEN:
        return
    try:
        purchase.spending_id = ledger.capture(hold.pk, hold.amount, now)
        purchase.spent = hold.amount
    except ledger.HoldExpired:
        purchase.problem = _("The hold had lapsed before the order was paid: its bonuses were not spent.")


def _items_of(found: list[Order]) -> dict[int, list[Item]]:
    """The orders' lines as rules see them. A discount of the whole order is spread over its lines; delivery and other
    charges are no goods and earn nothing; an order of which no lines are known is one line."""
    items: dict[int, list[Item]] = {order.pk: [] for order in found}
    rows = OrderLine.objects.filter(order__in=found).select_related("product").order_by("order", "position")
    for row in rows:
        product = row.product
        items[row.order_id].append(
            Item(
                total=max(row.total, 0),
                title=row.title,
                external_id=product.external_id if product else "",
                product=row.product_id,
                category=product.category_id if product else None,
                brand=product.brand if product else "",
            )
        )
    for order in found:
        lines = items[order.pk]
        if not lines:
            items[order.pk] = [Item(order.total)]
        elif total(lines) > order.total:
            shares = apportion(order.total, [item.total for item in lines])
            items[order.pk] = [replace(item, total=share) for share, item in zip(shares, lines, strict=True)]
    return items


def _grants(
    order: Order, result: Accrual, rules: list[Rule], zone: ZoneInfo, now: datetime
) -> Iterable[tuple[ledger.Grant, int]]:
    """One credit for all rules whose bonuses live equally long, named after the first of them."""
    by_life: dict[tuple[int, int | None], list[int]] = defaultdict(list)
    for rule in sorted(rules, key=lambda rule: rule.id):
        if result.by_rule.get(rule.id):
            by_life[rule.pending_days, rule.lifetime_days].append(rule.id)
    for (pending, lifetime), ids in by_life.items():
        activates_at = now + timedelta(days=pending)
        expires_at = None if lifetime is None else ledger.lifetime_end(activates_at, lifetime, zone)
        grant = ledger.Grant(
            client_id=order.client_id or 0,
            amount=sum(result.by_rule[number] for number in ids),
            key=f"order:{order.pk}:rule:{ids[0]}",
            activates_at=activates_at,
            expires_at=expires_at,
            reason=_("Order %s") % order,
        )
        yield grant, ids[0]


def _take_back(order: Order, purchase: Purchase, now: datetime) -> None:
    """Returns spent bonuses and claws earned ones back, down to what the rest of the order deserves."""
    reason = _("Return of order %s") % order
    over = order.status in _OVER
    if purchase.hold and purchase.hold.state == BonusHold.State.OPEN and order.status == Order.Status.CANCELLED:
        ledger.release(purchase.hold.pk, now)
    back = purchase.spent
    if not over:
        back = purchase.spent * min(order.refunded, order.total) // order.total if order.total else 0
    if purchase.spending_id and back > purchase.returned:
        key = f"return:{order.pk}:{back}"
        ledger.refund(SOURCE, purchase.spending_id, back - purchase.returned, key, now, reason)
        purchase.returned = back
    keep = 0 if over else _deserved(order, purchase)
    purchase.clawed = max(purchase.clawed, purchase.earned - keep)
    for row in purchase.accruals.order_by("pk"):
        kept = min(row.kept, keep)
        keep -= kept
        if kept < row.kept:
            ledger.clawback(SOURCE, row.operation_id, kept, f"clawback:{order.pk}:{row.pk}:{kept}", now, reason)
            row.kept = kept
            row.save(update_fields=["kept"])
    purchase.save()


def _deserved(order: Order, purchase: Purchase) -> int:
    """What the order still earns after its refunds: goods that came back by name, and sums that named none."""
    if not purchase.terms:
        return 0
    terms = accrual_terms.load(purchase.terms)
    named = {str(name): int(sum_) for name, sum_ in order.refunded_goods.items()}
    returned = []
    for item in terms.items:
        back = min(named.get(item.external_id, 0), item.total)
        named[item.external_id] = named.get(item.external_id, 0) - back
        returned.append(back)
    elsewhere = max(order.refunded - sum(returned), 0)
    rest = accrual.left(terms.bases, [item.total for item in terms.items], returned, elsewhere)
    return accrual.keep(terms.bases, rest, terms.fits, terms.level, terms.terms)


def _save(due: list[Order], purchases: dict[int, Purchase]) -> None:
    fields = ["spending", "spent", "counted_at", "earned", "terms", "problem"]
    rows = [purchases[order.pk] for order in due]
    Purchase.objects.bulk_create(rows, update_conflicts=True, unique_fields=["order"], update_fields=fields)


def _show(found: list[Order], purchases: dict[int, Purchase]) -> None:
    """Copies the sums to the orders, where lists and levels read them."""
    changed: list[Order] = []
    for order in found:
        if purchase := purchases.get(order.pk):
            sums = (purchase.spent - purchase.returned, purchase.earned - purchase.clawed)
            if sums != (order.bonuses_spent, order.bonuses_earned):
                order.bonuses_spent, order.bonuses_earned = sums
                changed.append(order)
    if changed:
        Order.objects.bulk_update(changed, ["bonuses_spent", "bonuses_earned"])
