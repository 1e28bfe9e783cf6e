"""Templates of WhatsApp: what Twilio told of them, or what staff typed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from messaging.buttons import MAX_BUTTONS
from messaging.models import WhatsAppTemplate
from messaging.services.whatsapp_templates import gaps

COLOURS = {"approved": "success", "pending": "warning", "received": "warning", "rejected": "danger"}


class WhatsAppTemplateForm(forms.ModelForm):
    """Its quick replies are typed a line each; its variables are read from the text."""

    replies = forms.CharField(
        label=_("Quick replies"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("One a line, in the words of the template."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["replies"] = "\n".join(self.instance.replies)

    def clean_replies(self) -> list[str]:
        found = [line.strip() for line in self.cleaned_data["replies"].splitlines() if line.strip()]
        if len(found) > MAX_BUTTONS:
            raise forms.ValidationError(_("Give at most %(n)d quick replies.") % {"n": MAX_BUTTONS})
        return found

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        kept = self.instance.variables
        self.instance.variables = {name: kept.get(name, "") for name in gaps(said.get("body", ""))}
        return said


@admin.register(WhatsAppTemplate)
class WhatsAppTemplateAdmin(ModelAdmin):
    """Templates; an account loads those that Twilio keeps."""

    form = WhatsAppTemplateForm
    list_display = ("name", "language", "state", "body", "sid")
    list_filter = ("language", "status")
    search_fields = ("name", "body", "sid")
    fields = ("sid", ("name", "language"), "body", "replies")

    def save_model(self, request: HttpRequest, obj: WhatsAppTemplate, form: Any, change: bool) -> None:
        if not change:
            obj.loaded_at = timezone.now()
        super().save_model(request, obj, form, change)

    @display(description=_("status"), label=COLOURS)
    def state(self, template: WhatsAppTemplate) -> tuple[str, Any]:
        return template.status, _STATES.get(template.status, template.status or "—")


# As WhatsApp says them.
_STATES = {
    "approved": _("approved"),
    "pending": _("waiting for WhatsApp"),
    "received": _("waiting for WhatsApp"),
    "rejected": _("rejected"),
    "paused": _("paused by WhatsApp"),
    "disabled": _("disabled by WhatsApp"),
    "unsubmitted": _("not submitted"),
}
