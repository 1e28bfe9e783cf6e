"""What a scenario's bonuses and messages cost, and what they brought (semantics §51). Pure: Decimal money in units."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Economy:
    """The terms of ROI, in units of the programme's currency."""

    revenue: Decimal
    # Percent of revenue that is earned.
    margin_share: Decimal
    redeemed_cost: Decimal
    sending_cost: Decimal

    @property
    def margin(self) -> Decimal:
        return self.revenue * self.margin_share / 100

    @property
    def cost(self) -> Decimal:
        return self.redeemed_cost + self.sending_cost

    @property
    def roi(self) -> Decimal | None:
        """(margin − redeemed cost − sending cost) / (redeemed cost + sending cost); None where it cost nothing."""
        return (self.margin - self.cost) / self.cost if self.cost else None
