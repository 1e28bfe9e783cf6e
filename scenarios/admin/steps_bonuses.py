"""Forms of the steps that give and take: bonuses, codes, gifts, access."""

from django import forms
from django.contrib import admin
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.admin.palette import NoticeInput, NoticeTextarea, PaletteInput
from scenarios.admin.steps import StepAdmin
from scenarios.models import (
    AccrueBonuses,
    GiveGift,
    GiveReferralLink,
    GrantAccess,
    IssuePromoCode,
    RevokeAccess,
    WithdrawBonuses,
)


class AccrueBonusesForm(forms.ModelForm):
    """The notices have texts of their own."""

    class Meta:
        widgets = {
            "formula": PaletteInput,
            "warn_subject": NoticeInput,
            "warn_text": NoticeTextarea(attrs={"rows": 4}),
            "burn_subject": NoticeInput,
            "burn_text": NoticeTextarea(attrs={"rows": 4}),
        }


@admin.register(AccrueBonuses)
class AccrueBonusesAdmin(StepAdmin):
    form = AccrueBonusesForm
    fieldsets = (
        (None, {"fields": ("by", "amount", "percent", "formula", "lifetime_days", "reason")}),
        (
            _("Notices of the burning"),
            {
                "fields": (
                    "warn", "warn_days", "warn_subject", "warn_text",
                    "notify_burn", "burn_subject", "burn_text", "notice_channel",
                ),
                "description": _(
                    "Bonuses of one client that burn on one day are told in one message, at 10:00 of the client's time."
                ),
            },
        ),
    )  # fmt: skip
    conditional_fields = {
        "amount": "typeof by === 'undefined' || by === 'fixed'",
        "percent": "by === 'percent'",
        "formula": "by === 'formula'",
        "warn_days": "warn",
        "warn_subject": "warn && notice_channel === 'email'",
        "warn_text": "warn",
        "burn_subject": "notify_burn && notice_channel === 'email'",
        "burn_text": "notify_burn",
        "notice_channel": "warn || notify_burn",
    }


@admin.register(WithdrawBonuses)
class WithdrawBonusesAdmin(StepAdmin):
    fieldsets = ((None, {"fields": ("amount", "when_less", "reason")}),)


@admin.register(IssuePromoCode)
class IssuePromoCodeAdmin(StepAdmin):
    fieldsets = ((None, {"fields": ("pool", "when_dry", "instead")}),)
    conditional_fields = {"instead": "typeof when_dry === 'undefined' || when_dry === 'shared'"}


@admin.register(GiveGift)
class GiveGiftAdmin(StepAdmin):
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "days", "link"),
                "description": _(
                    "Texts below may say {{ gift.name }}, {{ gift.code }}, {{ gift.url }}, {{ gift.until }}."
                ),
            },
        ),
    )


@admin.register(GrantAccess)
class GrantAccessAdmin(StepAdmin):
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "days", "link"),
                "description": _(
                    "Texts below may say {{ access.name }}, {{ access.code }}, {{ access.url }}, {{ access.until }}."
                ),
            },
        ),
    )


@admin.register(RevokeAccess)
class RevokeAccessAdmin(StepAdmin):
    fieldsets = ((None, {"fields": ("kind", "name")}),)


@admin.register(GiveReferralLink)
class GiveReferralLinkAdmin(StepAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": (),
                "description": _(
                    "Texts below may say {{ referral.url }} and {{ referral.code }}. There is nothing to set."
                ),
            },
        ),
    )
