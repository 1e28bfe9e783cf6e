"""The typed reasons of the log in words."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.models import Reason

REASONS: dict[str, str | Promise] = {
    "loop": _("too many scenarios in a row led here"),
    "self": _("the scenario itself caused the event"),
    "often_enough": _("entered as often as a client may"),
    "outranked": _("a scenario of the same group goes first"),
    "not_started": _("before the scenario's validity"),
    "ended": _("after the scenario's validity"),
    "entered_before": _("entered for the same occasion before"),
    "too_soon": _("entered too recently"),
    "too_late": _("the news came too late"),
    "store_closed": _("the store was closed"),
    "inside": _("is inside already"),
    "cap_reached": _("the cap of entries is reached"),
    "trigger_removed": _("the trigger was removed"),
    "conditions": _("the trigger's conditions do not hold"),
    "happened": _("what had to be absent happened"),
    "step_removed": _("the step was removed"),
    "no_branch": _("no branch fits"),
    "not_running": _("the other scenario is not active"),
    "stopped": _("another scenario stopped it"),
    "bad_value": _("the value could not be read"),
    "winner": _("everybody goes the winner's way"),
    "exit_event": _("an event ended it"),
    "exit_step": _("came to an exit"),
    "goal": _("the goal was reached"),
    "goal_step": _("came to the goal"),
    "date_past": _("the time was past already"),
    "no_date": _("there was no date"),
    "timed_out": _("the time ran out"),
    "pool_dry": _("no promo codes were left"),
    "shared_code": _("no promo codes were left, a shared one was given"),
    "nothing_to_accrue": _("comes to no bonuses"),
    "no_order": _("no order started the scenario"),
    "other_currency": _("the order is in another currency than the programme"),
    "no_amount": _("the formula gave no number"),
    "few_bonuses": _("the client had fewer bonuses"),
    "no_access": _("the client holds no such gift or access"),
    "not_a_member": _("the client is not in the first segment"),
    "referral_off": _("the referral programme is switched off"),
    "no_staff": _("nobody of the staff can be written to"),
    "webhook_failed": _("the webhook could not be called"),
    "nothing_to_recommend": _("there is nothing to recommend"),
    "merged": _("the client is inside as somebody known already"),
    "archived": _("the scenario was archived"),
    "by_hand_retry": _("tried again"),
    "by_hand_skip": _("taken past the step"),
    "by_hand_finish": _("finished by staff"),
    "failed": _("failed for good"),
    "retry": _("failed, will be tried again"),
} | {reason.value: reason.label for reason in Reason}


def reason_label(reason: str) -> str:
    """A reason in the current language; one that is not known here is shown as it is."""
    return str(REASONS.get(reason, reason))
