"""The demo's programme: cashback by level, three levels, 30 % of an order payable with bonuses."""

from decimal import Decimal

from django.utils.translation import gettext as t

from loyalty.models import AccrualRule, Level
from loyalty.services import programme


def install() -> bool:
    """Sets the programme up where nobody has: no rule and no level is there. Returns whether it did."""
    if AccrualRule.objects.exists() or Level.objects.exists():
        return False
    settings = programme.current()
    settings.max_share = Decimal(30)
    settings.pending_days = 0  # a shop would wait for returns; a newcomer does not
    settings.lifetime_days = 180
    settings.save()
    for name, threshold, percent in ((t("Base"), 0, 5), (t("Silver"), 20_000, 7), (t("Gold"), 60_000, 10)):
        Level.objects.create(name=name, threshold=Decimal(threshold), percent=Decimal(percent))
    AccrualRule.objects.create(name=t("Cashback"), kind=AccrualRule.Kind.LEVEL)
    return True
