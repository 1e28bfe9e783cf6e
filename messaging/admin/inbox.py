"""What clients wrote to us: read, answered, marked as handled (semantics §28)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from loyalty.admin.base import link
from messaging.models import InboundMessage
from messaging.services import inbox


class WaitingFilter(admin.SimpleListFilter):
    """Those that nobody has dealt with."""

    title = _("handled")
    parameter_name = "handled"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("waiting")), ("yes", _("handled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[InboundMessage]) -> QuerySet[InboundMessage]:
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(handled_at__isnull=self.value() == "no")


class InboundForm(forms.ModelForm):
    """An answer, and whether all is said."""

    reply = forms.CharField(
        label=_("Your reply"),
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text=_("Goes to the same address by the same channel when you save; the message is then handled."),
    )
    handled = forms.BooleanField(label=_("Handled"), required=False, widget=UnfoldBooleanSwitchWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "handled" in self.fields:
            self.fields["handled"].initial = bool(self.instance.handled_at)


@admin.register(InboundMessage)
class InboundMessageAdmin(ModelAdmin):
    """Messages from clients, newest first."""

    form = InboundForm
    list_display = ("words", "who", "channel", "received_at", "state")
    list_filter = (WaitingFilter, "channel")
    list_select_related = ("client", "handled_by")
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)
    search_fields = ("=address",)
    search_help_text = _("Phone or e-mail, as a whole")
    readonly_fields = ("who", "channel", "address", "text", "received_at", "about", "ours", "handled_at", "handled_by")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("who", "channel"),
                    ("address", "received_at"),
                    "text",
                    ("about", "ours"),
                    ("handled_at", "handled_by"),
                )
            },
        ),
        (_("Reply"), {"fields": ("reply", "handled")}),
    )
    actions = ("mark_handled",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: InboundMessage, form: Any, change: bool) -> None:
        said, now = form.cleaned_data, timezone.now()
        author: Any = request.user
        if said["reply"].strip():
            inbox.reply(obj, said["reply"].strip(), author, now)
        elif said["handled"] and not obj.handled_at:
            inbox.handle(obj, author, now)
        elif not said["handled"] and obj.handled_at:
            inbox.reopen(obj)

    @action(description=_("Mark as handled"))
    def mark_handled(self, request: HttpRequest, queryset: QuerySet[InboundMessage]) -> None:
        author: Any = request.user
        for waiting in queryset.filter(handled_at=None):
            inbox.handle(waiting, author, timezone.now())

    @display(description=_("text"))
    def words(self, message: InboundMessage) -> str:
        return message.text[:120] or "—"

    @display(description=_("client"))
    def who(self, message: InboundMessage) -> Any:
        return link(message.client) if message.client else message.address

    @display(description=_("state"), label={"waiting": "warning", "handled": "success"})
    def state(self, message: InboundMessage) -> tuple[str, Any]:
        if message.handled_at is None:
            return "waiting", _("waiting")
        return "handled", f"{_('handled')}: {message.handled_by}" if message.handled_by else _("handled")

    @display(description=_("answers the message"))
    def about(self, message: InboundMessage) -> Any:
        return _message(message.answers_id)

    @display(description=_("our reply"))
    def ours(self, message: InboundMessage) -> Any:
        return _message(message.reply_id)


def _message(pk: int | None) -> Any:
    return format_html('<a href="{}">#{}</a>', reverse("admin:messaging_message_change", args=[pk]), pk) if pk else "—"
