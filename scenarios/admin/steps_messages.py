"""Forms of the steps that say something."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from loyalty.admin.base import may_see_clients
from messaging.admin import designs, previews
from messaging.admin.palette import NoticeInput, NoticeTextarea, PaletteInput, PaletteTextarea
from scenarios.admin.message_form import TITLED_JS, SendMessageForm, chosen, has_body
from scenarios.admin.parts import editable
from scenarios.admin.steps import StepAdmin
from scenarios.models import AskProfile, AskSurvey, ChainMessage, NotifyStaff, RecommendProducts, SendMessage


def _preview(request: HttpRequest) -> HttpResponse:
    if not editable(request):
        raise PermissionDenied
    return previews.preview_view(request)


def _test(request: HttpRequest) -> HttpResponse:
    if not editable(request):
        raise PermissionDenied
    return previews.test_view(request)


def _designs(request: HttpRequest) -> HttpResponse:
    if not editable(request):
        raise PermissionDenied
    return designs.picker_view(request)


def _keep_design(request: HttpRequest) -> HttpResponse:
    if not editable(request):
        raise PermissionDenied
    return designs.keep_view(request)


@admin.register(SendMessage)
class SendMessageAdmin(StepAdmin):
    form = SendMessageForm
    change_form_template = "messaging/message_form.html"
    fieldsets = (
        (
            None,
            {"fields": (("channel", "topic"), "template", "variables", "subject", "body", "html", "buttons")},
        ),
        (
            _("If it does not reach the client"),
            {
                "fields": (
                    *SendMessageForm.names(),
                    ("fallback_on", "fallback_amount", "fallback_unit"),
                    "best_first",
                ),
                "description": _(
                    "The next channel goes where there is consent and an address for it. What is delivered is known of"
                    " channels whose provider reports it."
                ),
            },
        ),
    )
    # A reader's form has no such fields.
    conditional_fields = {
        "subject": f"typeof channel === 'undefined' || {TITLED_JS}.includes(channel)",
        "html": "typeof channel === 'undefined' || channel === 'email'",
        "template": "typeof channel === 'undefined' || channel === 'whatsapp'",
        "variables": "typeof channel === 'undefined' || channel === 'whatsapp' && template",
        "body": has_body(),
        **SendMessageForm.conditions(),
        **dict.fromkeys(("fallback_on", "fallback_amount", "fallback_unit", "best_first"), chosen(2)),
    }

    class Media:
        js = ("messaging/preview.js", "messaging/designs.js")
        css = {"all": ("messaging/preview.css",)}

    def get_urls(self) -> list[URLPattern]:
        return [
            path("preview/", self.admin_site.admin_view(_preview), name="scenarios_sendmessage_preview"),
            path("test/", self.admin_site.admin_view(_test), name="scenarios_sendmessage_test"),
            path("designs/", self.admin_site.admin_view(_designs), name="scenarios_sendmessage_designs"),
            path("designs/keep/", self.admin_site.admin_view(_keep_design), name="scenarios_sendmessage_keep_design"),
            *super().get_urls(),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        extra = {
            "message_preview_url": reverse("admin:scenarios_sendmessage_preview") if editable(request) else "",
            "message_test_url": reverse("admin:scenarios_sendmessage_test"),
            "message_designs_url": reverse("admin:scenarios_sendmessage_designs"),
            "message_design_keep_url": reverse("admin:scenarios_sendmessage_keep_design"),
            "message_clients": may_see_clients(request),
        }
        step = self.get_object(request, object_id) if object_id else None
        if step is not None:
            links = reverse("admin:scenarios_scenario_links", args=[step.branch.scenario_id])
            extra["message_links_url"] = f"{links}#{step.key}"
        return super().changeform_view(request, object_id, form_url, extra | (extra_context or {}))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"channel": "email"} | super().get_changeform_initial_data(request)


class ChainMessageForm(SendMessageForm):
    """A message with its delay and its bonuses."""

    class Meta:
        widgets = SendMessageForm.Meta.widgets | {
            "warn_subject": NoticeInput,
            "warn_text": NoticeTextarea(attrs={"rows": 4}),
            "burn_subject": NoticeInput,
            "burn_text": NoticeTextarea(attrs={"rows": 4}),
        }


@admin.register(ChainMessage)
class ChainMessageAdmin(SendMessageAdmin):
    form = ChainMessageForm
    fieldsets = (
        (None, {"fields": (("delay", "delay_unit", "delay_at"), *SendMessageAdmin.fieldsets[0][1]["fields"])}),
        SendMessageAdmin.fieldsets[1],
        (
            _("Bonuses with this message"),
            {
                "fields": (
                    ("bonuses", "lifetime_days"), "reason",
                    "warn", "warn_days", "warn_subject", "warn_text",
                    "notify_burn", "burn_subject", "burn_text", "notice_channel",
                ),
                "description": _("The text may say {{ accrued.amount }}; {{ bonus.available }} counts them already."),
            },
        ),
    )  # fmt: skip
    conditional_fields = SendMessageAdmin.conditional_fields | {
        "delay_at": "typeof delay_unit === 'undefined' || delay_unit === 'days'",
        "warn_days": "warn",
        "warn_subject": "warn && notice_channel === 'email'",
        "warn_text": "warn",
        "burn_subject": "notify_burn && notice_channel === 'email'",
        "burn_text": "notify_burn",
        "notice_channel": "warn || notify_burn",
    }

    def get_urls(self) -> list[URLPattern]:
        # The preview and the test are the plain message's: they look at the texts alone.
        return super(SendMessageAdmin, self).get_urls()


def _people() -> list[tuple[str, str]]:
    staff = User.objects.filter(is_active=True, is_staff=True).order_by("username")
    return [("", "—"), *((user.username, user.get_full_name() or user.username) for user in staff)]


def _groups() -> list[tuple[str, str]]:
    return [("", "—"), *((name, name) for name in Group.objects.order_by("name").values_list("name", flat=True))]


class NotifyStaffForm(forms.ModelForm):
    """Staff are chosen from those who are there, and kept by name."""

    person = forms.ChoiceField(
        label=capfirst(_("person")), choices=_people, required=False, widget=UnfoldAdminSelectWidget
    )
    group = forms.ChoiceField(
        label=capfirst(_("group")), choices=_groups, required=False, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        widgets = {"subject": PaletteInput, "body": PaletteTextarea(attrs={"rows": 6})}


@admin.register(NotifyStaff)
class NotifyStaffAdmin(StepAdmin):
    form = NotifyStaffForm
    fieldsets = ((None, {"fields": ("to", "person", "group", "role", "channel", "subject", "body")}),)
    conditional_fields = {
        "person": "to === 'person'",
        "group": "to === 'group'",
        "role": "typeof to === 'undefined' || to === 'role'",
        "subject": "typeof channel === 'undefined' || channel === 'email' || channel === 'own'",
    }


@admin.register(AskSurvey)
class AskSurveyAdmin(StepAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("survey", "days"),
                "description": _(
                    "Put {{ survey.url }} into a message below. The answer is the event “Survey answered” with scores."
                ),
            },
        ),
    )


@admin.register(AskProfile)
class AskProfileAdmin(StepAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("form", "days"),
                "description": _(
                    "Put {{ profile.url }} into a message below. What was filled in is told by the event “Profile form"
                    " filled in”."
                ),
            },
        ),
    )


@admin.register(RecommendProducts)
class RecommendProductsAdmin(StepAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": (("kind", "number"),),
                "description": _("Put “Recommended products” from the palette into a message below."),
            },
        ),
    )
