"""How many bonuses an order may be paid with (semantics §39). Pure: no database, no clock.

Bonuses are integers in minor units of the programme, money is integers in minor units of the currency;
between them Decimals, never floats (semantics §30).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal, localcontext

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from loyalty.services.basket import Goods, Item, total

PRECISION = 60  # digits: sums of a shop, exactly


class Bound(TextChoices):
    """What kept the number of bonuses where it is."""

    NONE = "none", _("nothing: the whole order may be paid with bonuses")
    BALANCE = "balance", _("the balance")
    SHARE = "share", _("the largest share of an order")
    GOODS = "goods", _("goods that are not payable with bonuses")
    MINIMUM = "minimum", _("the order is below the minimum")
    BLOCK = "block", _("bonuses are spent by blocks")


@dataclass(frozen=True, slots=True)
class Spending:
    """The rules of spending. `min_order` in minor units of the currency, `block` in whole bonuses (0: any number)."""

    scale: int = 0
    digits: int = 2
    value: Decimal = Decimal(1)
    block: int = 0
    max_share: Decimal = Decimal(100)
    min_order: int = 0
    unpayable: Goods = field(default_factory=Goods)

    def payable(self, item: Item) -> bool:
        """Whether bonuses may pay for this line."""
        return item not in self.unpayable

    def money(self, bonuses: int) -> int:
        """What `bonuses` pay for, rounded down to a minor unit of the currency."""
        with localcontext(prec=PRECISION):
            worth = Decimal(bonuses).scaleb(-self.scale) * self.value
            return int(worth.scaleb(self.digits).to_integral_value(ROUND_FLOOR))

    def bonuses(self, money: int) -> int:
        """The most bonuses that cost at most `money`."""
        with localcontext(prec=PRECISION):
            return int((Decimal(money).scaleb(self.scale - self.digits) / self.value).to_integral_value(ROUND_FLOOR))


@dataclass(frozen=True, slots=True)
class Limit:
    """The most bonuses that may be spent, what they are worth in money, and what bounds them."""

    bonuses: int
    money: int
    bound: Bound


def limit(items: Sequence[Item], available: int, spending: Spending) -> Limit:
    """The most bonuses that the order of `items` may be paid with by a client who has `available` of them now.

    What the order itself will earn is not among them (semantics §40). The share is of the goods that bonuses may
    pay for: it never exceeds what has to be paid.
    """
    whole = total(items)
    payable = total(item for item in items if spending.payable(item))
    if whole < spending.min_order:
        return Limit(0, 0, Bound.MINIMUM)
    with localcontext(prec=PRECISION):
        share = int((payable * spending.max_share / 100).to_integral_value(ROUND_FLOOR))
    bonuses = spending.bonuses(share)
    bound = Bound.SHARE if spending.max_share < 100 else Bound.GOODS if payable < whole else Bound.NONE
    if available < bonuses:
        bonuses, bound = max(available, 0), Bound.BALANCE
    if spending.block and bonuses % (block := spending.block * 10**spending.scale):
        bonuses, bound = bonuses - bonuses % block, Bound.BLOCK
    return Limit(bonuses, spending.money(bonuses), bound)
