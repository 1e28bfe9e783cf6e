"""Who brought whom, and the rules of it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from loyalty.admin.base import BigTableAdmin, link
from loyalty.admin.fields import MoneyField
from loyalty.models import Referral, ReferralRules
from loyalty.services import find, referrals


class RulesForm(forms.ModelForm):
    """The rules; the order's sum in major units."""

    min_order = MoneyField(
        label=capfirst(_("order from")), required=False, help_text=_("Smallest total of the friend's order.")
    )


@admin.register(ReferralRules)
class ReferralRulesAdmin(ModelAdmin):
    """The rules: one row, so the list is its page."""

    form = RulesForm
    compressed_fields = False
    fieldsets = (
        (None, {"fields": ("active", "url")}),
        (_("Reward"), {"fields": (("referrer_amount", "referee_amount"), ("lifetime_days", "cap"))}),
        (_("When"), {"fields": ("when", ("window_days", "min_order"), "valid_days")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        rules = referrals.current()
        return HttpResponseRedirect(reverse("admin:loyalty_referralrules_change", args=[rules.pk]))


@admin.register(Referral)
class ReferralAdmin(BigTableAdmin):
    """Referrals with their state and its reason."""

    list_display = ("registered_at", "by", "friend", "state_shown", "why", "due_at")
    list_select_related = ("referrer", "referee")
    list_filter = (("state", ChoicesDropdownFilter), ("reason", ChoicesDropdownFilter))
    list_filter_submit = True
    search_help_text = _("Phone, e-mail or id of either client, or a referral code")
    fields = (
        "by",
        "friend",
        "code",
        "state",
        "why",
        "registered_at",
        "order_shown",
        "due_at",
        "resolved_at",
        "referrer_bonuses",
        "referee_bonuses",
    )
    readonly_fields = ("by", "friend", "why", "order_shown", "referrer_bonuses", "referee_bonuses")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Referral], search_term: str
    ) -> tuple[QuerySet[Referral], bool]:
        if not search_term:
            return queryset, False
        owner = referrals.referrer(search_term, referrals.current())
        ids = [owner.pk] if owner else find.client_ids(search_term)
        return queryset.filter(Q(referrer__in=ids) | Q(referee__in=ids)), False

    @display(description=_("who invites"))
    def by(self, referral: Referral) -> SafeString | str:
        return link(referral.referrer)

    @display(description=_("friend"))
    def friend(self, referral: Referral) -> SafeString | str:
        return link(referral.referee)

    @display(
        description=_("state"),
        label={
            Referral.State.REWARDED: "success",
            Referral.State.WAITING: "info",
            Referral.State.REFUSED: "danger",
            Referral.State.RETURNING: "warning",
            Referral.State.REVERSED: "warning",
        },
    )
    def state_shown(self, referral: Referral) -> tuple[str, str]:
        return referral.state, referral.get_state_display()

    @display(description=_("reason"))
    def why(self, referral: Referral) -> str:
        return referral.get_reason_display() if referral.reason else ""

    @display(description=_("order"))
    def order_shown(self, referral: Referral) -> SafeString | str:
        return link(referral.order)

    @display(description=_("bonuses for the one who invites"))
    def referrer_bonuses(self, referral: Referral) -> str:
        return str(referral.referrer_operation.amount) if referral.referrer_operation else "—"

    @display(description=_("bonuses for the friend"))
    def referee_bonuses(self, referral: Referral) -> str:
        return str(referral.referee_operation.amount) if referral.referee_operation else "—"
