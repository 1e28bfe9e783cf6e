"""What e-mail services say in words of their own, which django-anymail's common words leave out."""

from collections.abc import Callable, Mapping
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason

Told = Mapping[str, Any]

# How a service tells a bounce of the address (hard) from one of the moment (soft).
_HARD: Mapping[str, Callable[[Told], bool]] = {
    "SendGrid": lambda told: told.get("type") == "bounce",
    "Postmark": lambda told: told.get("Type") in ("HardBounce", "BadEmailAddress"),
    "Brevo": lambda told: told.get("event") != "soft_bounce",
    "Mailjet": lambda told: bool(told.get("hard_bounce")),
    "Amazon SES": lambda told: told.get("bounce", {}).get("bounceType") == "Permanent",
}
# How a service tells an open by a privacy proxy, where it names no browser that would show it.
_PROXY: Mapping[str, Callable[[Told], bool]] = {
    "SendGrid": lambda told: bool(told.get("sg_machine_open")),
    "Brevo": lambda told: "proxy" in str(told.get("event")),
    "Mailgun": lambda told: bool(told.get("event-data", {}).get("client-info", {}).get("bot")),
}
# Of the address, unless the service says that it is of the moment.
_PERMANENT = {RejectReason.INVALID, RejectReason.BOUNCED, RejectReason.SPAM}
PROXY_AGENT = "privacy-proxy"


def permanent(service: str, event: AnymailTrackingEvent) -> bool:
    """Whether nothing must be sent to the address again."""
    if event.event_type == EventType.FAILED:
        return False
    if event.event_type == EventType.BOUNCED and service in _HARD:
        return _HARD[service](event.esp_event)
    return event.reject_reason in _PERMANENT


def agent(service: str, event: AnymailTrackingEvent) -> str:
    """The browser that opened or clicked, as far as the service tells."""
    proxy = _PROXY.get(service)
    if event.event_type == EventType.OPENED and proxy is not None and proxy(event.esp_event):
        return PROXY_AGENT
    return event.user_agent or ""
