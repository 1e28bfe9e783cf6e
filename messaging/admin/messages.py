"""How messages are shown, wherever they are."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as t

from loyalty.admin.base import masked, may_see_clients
from messaging.models import Channel, Message, Status

STATUS_COLOURS = {
    Status.QUEUED: "info",
    Status.STANDBY: "info",
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
    name, at, domain = message.address.partition("@")
    if at and message.channel == Channel.EMAIL:
        return f"{name[:1]}•••@{domain}"
    return masked(message.address)


def shown_status(message: Message) -> str:
    """The status, and what the client did: “delivered · clicked”."""
    deed = t("clicked") if message.first_clicked_at else t("opened") if message.first_opened_at else ""
    told: Any = message.get_status_display()
    return f"{told} · {deed}" if deed else str(told)
