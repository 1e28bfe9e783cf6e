"""Bonuses by the hand of staff: corrections with a reason, release of holds; and the list of all operations."""

import secrets
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from loyalty.admin.base import BigTableAdmin
from loyalty.models import BonusHold, BonusOperation, Client
from loyalty.services import ledger

PERMISSION = "loyalty.correct_bonuses"
# Beyond any real correction, and well within the column.
MOST = 10**12


class CorrectionForm(forms.Form):
    """How much, why, and for how long. The key makes a doubled click one correction."""

    amount = forms.IntegerField(
        label=capfirst(_("bonuses")),
        min_value=-MOST,
        max_value=MOST,
        help_text=_("In the programme's smallest unit. Less than zero takes bonuses away."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    reason = forms.CharField(label=capfirst(_("reason")), max_length=300, widget=UnfoldAdminTextInputWidget)
    days = forms.IntegerField(
        label=_("Burn after days"),
        required=False,
        min_value=0,
        max_value=36_500,
        help_text=_("Empty: they never burn. For added bonuses only."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=50)

    def clean_amount(self) -> int:
        amount = self.cleaned_data["amount"]
        if not amount:
            raise forms.ValidationError(_("A correction of nothing corrects nothing."))
        return amount


def correct(request: HttpRequest, client_id: int) -> HttpResponse:
    """Adds or takes bonuses of a client: a page that asks, then one call of the ledger."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    client = get_object_or_404(Client, pk=client_id)
    form = CorrectionForm(request.POST or None, initial={"key": secrets.token_urlsafe(12)})
    now = timezone.now()
    if request.method == "POST" and form.is_valid():
        try:
            _post(form.cleaned_data, client, request.user.pk, now)
        except ledger.InsufficientBonuses:
            form.add_error("amount", t("The client has only %(n)d available.") % {"n": _available(client, now)})
        except ledger.KeyReused:
            form.add_error(None, t("This form was sent before with other contents. Open it again."))
        else:
            messages.success(request, t("The correction is posted."))
            return HttpResponseRedirect(reverse("admin:loyalty_client_change", args=[client.pk]))
    context = admin.site.each_context(request) | {
        "title": t("Correct bonuses"),
        "form": form,
        "client": client,
        "balance": ledger.balance(client.pk, now),
        "opts": Client._meta,
    }
    return TemplateResponse(request, "loyalty/correct_bonuses.html", context)


def _available(client: Client, now: datetime) -> int:
    return ledger.balance(client.pk, now).available


def _post(data: dict[str, Any], client: Client, author_id: int, now: datetime) -> None:
    expires_at = None
    if data["days"] is not None and data["amount"] > 0:
        expires_at = ledger.lifetime_end(now, data["days"], timezone.get_default_timezone())
    ledger.correct("admin", client.pk, data["amount"], data["key"], now, data["reason"], author_id, expires_at)


def release(request: HttpRequest, hold_id: int) -> HttpResponse:
    """Gives back what a hold sets aside (POST)."""
    if not request.user.has_perm(PERMISSION) or request.method != "POST":
        raise PermissionDenied
    held = get_object_or_404(BonusHold, pk=hold_id)
    try:
        ledger.release(held.pk, timezone.now())
    except ledger.HoldResolved:
        messages.warning(request, t("The hold was resolved before."))
    else:
        messages.success(request, t("The hold is released."))
    return HttpResponseRedirect(reverse("admin:loyalty_client_change", args=[held.client_id]))


@admin.register(BonusOperation)
class BonusOperationAdmin(BigTableAdmin):
    """Every operation of the ledger, newest first."""

    list_display = ("posted_at", "kind", "signed", "who", "reason", "source", "author")
    list_select_related = ("client", "author")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_filter_submit = True
    fields = ("posted_at", "kind", "signed", "who", "reason", "source", "key", "of", "author")
    readonly_fields = ("signed", "who")
    search_help_text = _("Phone, e-mail or id of a client")

    @display(description=_("bonuses"))
    def signed(self, operation: BonusOperation) -> str:
        return f"{operation.amount:+}"

    @display(description=_("client"))
    def who(self, operation: BonusOperation) -> str:
        return str(operation.client)
