"""Systems that scenarios call, and the log of the calls."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget

from loyalty.admin.base import BigTableAdmin, link, may_see_clients
from scenarios.admin.steps import StepAdmin
from scenarios.engine import webhooks
from scenarios.models import CallWebhook, WebhookCall, WebhookEndpoint


class WebhookEndpointForm(forms.ModelForm):
    """A system to call. Secrets go in and never come out."""

    new_secret = forms.CharField(
        label=_("Signing secret"),
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("whsec_… Empty: one is made and shown once."),
    )
    new_headers = forms.CharField(
        label=_("Headers"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("One a line: “Authorization: Bearer …”. Stored encrypted, never shown again."),
    )
    drop_headers = forms.BooleanField(label=_("Forget the stored headers"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["new_secret"].help_text = _("Stored and never shown. Empty: it stays as it is.")
            if self.instance.headers:
                names = ", ".join(json.loads(self.instance.headers))
                self.fields["new_headers"].help_text = _("Stored: %(names)s. Empty: they stay as they are.") % {
                    "names": names
                }

    def clean_new_secret(self) -> str:
        secret = self.cleaned_data["new_secret"]
        if secret and not webhooks.is_secret(secret):
            raise forms.ValidationError(_("This is not a secret of Standard Webhooks: whsec_ and base64."))
        return secret

    def clean_new_headers(self) -> str:
        try:
            return webhooks.endpoint_headers(self.cleaned_data["new_headers"])
        except ValueError as error:
            raise forms.ValidationError(
                _("Line %(line)s is no header that can be sent.") % {"line": str(error).partition(":")[0]}
            ) from None


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    """Webhooks."""

    form = WebhookEndpointForm
    list_display = ("name", "url", "active")
    list_filter = ("active",)
    search_fields = ("name", "slug", "url")
    fields = ("name", "slug", "url", "active", "new_secret", "new_headers", "drop_headers")
    prepopulated_fields = {"slug": ("name",)}
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def get_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> tuple[str, ...]:
        if not self.has_change_permission(request, obj):
            return self.fields[:4]
        return self.fields if obj and obj.headers else self.fields[:-1]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        said = form.cleaned_data
        if said.get("new_secret"):
            obj.secret = said["new_secret"]
        elif not change:
            obj.secret = obj.shown_once = webhooks.new_secret()
        if said.get("new_headers"):
            obj.headers = said["new_headers"]
        elif said.get("drop_headers"):
            obj.headers = ""
        obj.save()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        secret = getattr(obj, "shown_once", "")
        if not secret or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        context = self.admin_site.each_context(request) | {
            "title": str(obj),
            "opts": self.opts,
            "secret": secret,
            "back": reverse("admin:scenarios_webhookendpoint_change", args=[obj.pk]),
        }
        answer = render(request, "scenarios/webhook_secret.html", context)
        answer["Cache-Control"] = "no-store"
        return answer


STATE_COLOURS = {
    WebhookCall.State.WAITING: "info",
    WebhookCall.State.DELIVERED: "success",
    WebhookCall.State.FAILED: "danger",
}


@admin.register(WebhookCall)
class WebhookCallAdmin(BigTableAdmin):
    """The log of calls."""

    list_display = ("created_at", "endpoint", "who", "scenario", "state_shown", "status", "tries", "error")
    list_select_related = ("endpoint", "client", "scenario")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    search_help_text = _("Phone, e-mail or id of a client")
    fields = (
        "endpoint", "who", "scenario", "state", "status", "error", "tries", "created_at", "due_at", "done_at", "body",
    )  # fmt: skip
    readonly_fields = ("who",)
    actions = ("again",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # The body may name the client.
        hidden = () if may_see_clients(request) else ("who", "body")
        return tuple(name for name in self.fields if name not in hidden)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        hidden = () if may_see_clients(request) else ("who",)
        return tuple(name for name in self.list_display if name not in hidden)

    @display(description=_("client"))
    def who(self, call: WebhookCall) -> Any:
        return link(call.client)

    @display(description=_("state"), label=STATE_COLOURS)
    def state_shown(self, call: WebhookCall) -> tuple[str, str]:
        return call.state, call.get_state_display()

    def has_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("scenarios.change_webhookendpoint")

    @action(description=_("Try failed calls again"), permissions=["again"])
    def again(self, request: HttpRequest, queryset: QuerySet[WebhookCall]) -> None:
        number = webhooks.again(list(queryset), timezone.now())
        words = ngettext("%(n)d call will be made again.", "%(n)d calls will be made again.", number)
        messages.success(request, words % {"n": number})


class CallWebhookForm(forms.ModelForm):
    """A body that is code."""

    class Meta:
        widgets = {"body": UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false", "class": "font-mono"})}


@admin.register(CallWebhook)
class CallWebhookAdmin(StepAdmin):
    form = CallWebhookForm
    fieldsets = (
        (
            None,
            {
                "fields": ("endpoint", "body"),
                "description": _("An answer that is a JSON object becomes the event “Webhook answered”."),
            },
        ),
    )
