"""The form of every type of condition, for whoever owns conditions: a scenario's branch, its trigger, a segment."""

from segments.admin.condition_form import ConditionForm
from segments.admin.forms_client import (
    AttributeForm,
    BirthdayForm,
    ConsentForm,
    LocalTimeForm,
    NearDateForm,
    NearStoreForm,
    ProfileFilledForm,
    RegistrationForm,
)
from segments.admin.forms_deeds import (
    BalanceForm,
    DiscountShareForm,
    EngagementForm,
    EventCountForm,
    ExpiringBonusesForm,
    GoodsForm,
    InSegmentForm,
    LevelForm,
    OrdersForm,
    OverdueForm,
    PromoCodeForm,
    ReferralForm,
)
from segments.admin.forms_rfm import RfmForm
from segments.conditions import Condition

_FORMS: tuple[type[ConditionForm], ...] = (
    AttributeForm,
    ProfileFilledForm,
    BirthdayForm,
    NearDateForm,
    RegistrationForm,
    ConsentForm,
    NearStoreForm,
    OrdersForm,
    GoodsForm,
    OverdueForm,
    DiscountShareForm,
    RfmForm,
    BalanceForm,
    ExpiringBonusesForm,
    LevelForm,
    PromoCodeForm,
    EventCountForm,
    EngagementForm,
    ReferralForm,
    InSegmentForm,
    LocalTimeForm,
)

# What an editor of conditions offers, in this order; a menu of them is grouped by `Condition.menu_group`.
CONDITION_FORMS: dict[type[Condition], type[ConditionForm]] = {form._meta.model: form for form in _FORMS}

__all__ = ["CONDITION_FORMS", "ConditionForm"]
