"""The send log."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from loyalty.admin.base import BigTableAdmin, link, masked, may_see_clients
from messaging.models import Channel, Message, Status

STATUS_COLOURS = {
    Status.QUEUED: "info",
    Status.SENDING: "info",
    Status.ACCEPTED: "success",
    Status.DELIVERED: "success",
    Status.FAILED: "danger",
    Status.UNKNOWN: "danger",
    Status.WITHHELD: "warning",
}


def shown_address(request: HttpRequest, message: Message) -> str:
    """The address, masked for those who may not see clients."""
    if may_see_clients(request):
        return message.address or "—"
    if message.channel == Channel.SMS:
        return masked(message.address)
    name, _at, domain = message.address.partition("@")
    return f"{name[:1]}•••@{domain}" if domain else ""


@admin.register(Message)
class MessageAdmin(BigTableAdmin):
    """Messages."""

    list_display = ("created_at", "who", "channel", "topic", "subject_short", "state", "reason", "sent_at")
    list_select_related = ("client",)
    list_filter = (
        ("channel", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("recipient", ChoicesDropdownFilter),
    )
    list_filter_submit = True
    search_help_text = _("Phone, e-mail or id of a client")
    fields = (
        "who", "recipient", "channel", "topic", "status", "reason", "error", "subject", "body",
        "tries", "provider_id", "created_at", "due_at", "sent_at",
    )  # fmt: skip
    readonly_fields = ("who",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # The text may name the client.
        hidden = () if may_see_clients(request) else ("who", "subject", "body", "error")
        return tuple(name for name in self.fields if name not in hidden)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        hidden = () if may_see_clients(request) else ("who", "subject_short")
        return tuple(name for name in self.list_display if name not in hidden)

    @display(description=_("client"))
    def who(self, message: Message) -> SafeString | str:
        return link(message.client)

    @display(description=_("subject or text"))
    def subject_short(self, message: Message) -> str:
        return (message.subject or message.body)[:80]

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, message: Message) -> tuple[str, str]:
        return message.status, message.get_status_display()
