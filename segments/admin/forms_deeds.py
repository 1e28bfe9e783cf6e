"""Forms of conditions on what the client did, has and belongs to."""

from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from loyalty.admin.fields import OpenChoiceField, event_field
from loyalty.models import Consent
from segments.admin.condition_form import RANGE, ConditionForm
from segments.admin.fields import SegmentSelect
from segments.conditions import (
    BalanceCondition,
    DiscountShareCondition,
    EngagementCondition,
    EventCountCondition,
    ExpiringBonusesCondition,
    GoodsCondition,
    InSegment,
    LevelCondition,
    OrdersCondition,
    OverdueCondition,
    PromoCodeCondition,
    ReferralCondition,
)


class OrdersForm(ConditionForm):
    """Number, sum, average of orders, or days since."""

    layout = ("measure", ("bound", "amount", "amount_to"), "days")
    shown_when = RANGE

    class Meta:
        model = OrdersCondition
        fields = ("measure", "bound", "amount", "amount_to", "days")


class OverdueForm(ConditionForm):
    """The usual interval and its multiple."""

    layout = (("factor", "floor"), ("least", "otherwise"))

    class Meta:
        model = OverdueCondition
        fields = ("factor", "floor", "least", "otherwise")


class GoodsForm(ConditionForm):
    """Goods bought, viewed, put in the cart."""

    layout = (("deed", "kind"), "value", ("bound", "count"), "days")
    shown_when = {"value": ("kind", ("product", "category", "brand"))}

    class Meta:
        model = GoodsCondition
        fields = ("deed", "kind", "value", "bound", "count", "days")


class DiscountShareForm(ConditionForm):
    """The share of discounted orders."""

    layout = (("bound", "percent"), "least", "days")

    class Meta:
        model = DiscountShareCondition
        fields = ("bound", "percent", "least", "days")


class LevelForm(ConditionForm):
    """A level."""

    layout = (("bound", "level"),)

    class Meta:
        model = LevelCondition
        fields = ("bound", "level")


class BalanceForm(ConditionForm):
    """Available bonuses."""

    layout = (("bound", "amount", "amount_to"),)
    shown_when = RANGE

    class Meta:
        model = BalanceCondition
        fields = ("bound", "amount", "amount_to")


class ExpiringBonusesForm(ConditionForm):
    """Bonuses about to burn."""

    layout = (("amount", "days"),)

    class Meta:
        model = ExpiringBonusesCondition
        fields = ("amount", "days")


class PromoCodeForm(ConditionForm):
    """Promo codes of a pool."""

    layout = ("state", "pool", "days", "negated")
    shown_when = {"days": ("state", ["expiring", "used"])}

    class Meta:
        model = PromoCodeCondition
        fields = ("state", "pool", "days", "negated")


class EventCountForm(ConditionForm):
    """An event happened so and so often."""

    event_name = event_field(_("event"))
    layout = ("event_name", ("bound", "count"), "days", "path", ("operator", "value"))

    class Meta:
        model = EventCountCondition
        fields = ("event_name", "bound", "count", "days", "path", "operator", "value")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Asked of a property only; unsaid, it stays as it is.
        if "operator" in self.fields:
            self.fields["operator"].required = False


class EngagementForm(ConditionForm):
    """Messages delivered, opened, clicked."""

    channel = OpenChoiceField(
        label=capfirst(_("channel")),
        choices=[("", ""), *Consent.Channel.choices],
        hint=_("By any channel"),
        required=False,
        max_length=20,
    )
    layout = ("deed", "channel", ("bound", "count"), "days")

    class Meta:
        model = EngagementCondition
        fields = ("deed", "channel", "bound", "count", "days")


class ReferralForm(ConditionForm):
    """Who brought whom."""

    layout = ("role", "count", "negated")
    shown_when = {"count": ("role", ["referrer", "buyers"])}

    class Meta:
        model = ReferralCondition
        fields = ("role", "count", "negated")


class InSegmentForm(ConditionForm):
    """Being in a segment."""

    layout = ("segment", "negated")

    class Meta:
        model = InSegment
        fields = ("segment", "negated")
        widgets = {"segment": SegmentSelect}
