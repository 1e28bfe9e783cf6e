"""A message before it is sent: as a client would get it through each channel, and as a test (semantics §25)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from loyalty.admin.base import may_see_clients
from loyalty.services import find
from messaging import buttons
from messaging.admin.buttons import ButtonsWidget
from messaging.admin.template_fields import VariablesWidget
from messaging.models import Channel, ChannelContent
from messaging.services import contents, preview, trials
from messaging.services.render import RenderError, TemplateError

MAX_TEXT = 100_000  # characters of a posted text
MAX_ADDRESS = 1000
PLACES = 10  # channels that are looked for
# What an address is, by channel.
_ADDRESSES = {
    Channel.EMAIL: _("E-mail"),
    Channel.TELEGRAM: _("Id of a chat with the bot"),
    Channel.VK: _("Id of a VK user"),
    Channel.PUSH: _("Token of a device"),
    Channel.WEBPUSH: _("Subscription of a browser"),
}


@dataclass(frozen=True, slots=True)
class Posted:
    """What the form holds now, saved or not, and which of its channels is looked at, for whom."""

    channels: list[ChannelContent]
    place: int
    topic: str
    buttons: list[dict[str, str]]
    client_id: int | None
    unknown: str

    @property
    def content(self) -> ChannelContent:
        """What is said through the channel that is looked at."""
        return self.channels[self.place]


@require_POST
def preview_view(request: HttpRequest) -> HttpResponse:
    """The message of the posted form, by its channel number `place`, for the client named by `who`: part of a page."""
    return _page(request, _posted(request))


@require_POST
def test_view(request: HttpRequest) -> HttpResponse:
    """Sends that message as a test: to `address`, or (`to_client`) to the client who is looked at."""
    posted = _posted(request)
    return _page(request, posted, _send(request, posted))


def _send(request: HttpRequest, posted: Posted) -> str:
    """Sends the test; what became of it, in words."""
    content, now = posted.content, timezone.now()
    address = request.POST.get("address", "").strip()[:MAX_ADDRESS]
    if not address and content.channel == Channel.EMAIL:
        address = str(getattr(request.user, "email", ""))
    if request.POST.get("to_client"):
        if posted.client_id is None:
            return t("Choose the client first.")
        address, against = trials.address_of(posted.client_id, content.channel, posted.topic, now)
        if against:
            return t("Nothing was sent: %(reason)s.") % {"reason": against.label}
    if not address:
        return t("Where shall the test go? Type an address.")
    shown = preview.show(content, posted.topic, posted.buttons, posted.client_id, now)
    if shown.error:
        return t("Nothing was sent: the message cannot be made.")
    try:
        trials.send_message(content, posted.topic, posted.buttons, posted.client_id, address, now)
    except (TemplateError, RenderError):
        return t("Nothing was sent: the message cannot be made.")
    if request.POST.get("to_client"):
        return t("The test is on its way to the client.")
    return t("The test is on its way to %(address)s.") % {"address": address}


def _page(request: HttpRequest, posted: Posted, told: str = "") -> HttpResponse:
    content = posted.content
    shown = preview.show(content, posted.topic, posted.buttons, posted.client_id, timezone.now())
    known = content.channel in Channel.values
    context = {
        "shown": shown,
        "told": told,
        "unknown": posted.unknown,
        "chosen": posted.client_id is not None,
        "tabs": [
            {"place": place, "label": capfirst(_name(tab.channel)), "open": place == posted.place}
            for place, tab in enumerate(posted.channels)
        ],
        "address": _ADDRESSES.get(Channel(content.channel), _("Phone")) if known else "",
        "is_email": content.channel == Channel.EMAIL,
        "is_sms": content.channel == Channel.SMS,
    }
    return render(request, "messaging/preview_shown.html", context)


def _name(channel: str) -> str:
    return str(Channel(channel).label) if channel in Channel.values else "—"


def _posted(request: HttpRequest) -> Posted:
    who, client_id, unknown = request.POST.get("who", "").strip(), None, ""
    if who:
        if not may_see_clients(request):
            raise PermissionDenied
        found = find.client_ids(who) or find.named(who)
        client_id = found[0] if found else None
        unknown = "" if found else t("Nobody is known by this: an example is shown.")
    channels = list(_channels(request.POST))
    place = request.POST.get("place", "0")
    return Posted(
        channels,
        min(int(place), len(channels) - 1) if place.isdecimal() and len(place) < 3 else 0,
        request.POST.get("topic", "")[:50],
        contents.with_replies(_buttons(request.POST), channels),
        client_id,
        unknown,
    )


def _channels(data: QueryDict) -> Iterator[ChannelContent]:
    """The channels of the form in order, each as it would be saved; the first is always there."""
    for place in range(1, PLACES):
        suffix = "" if place == 1 else f"_{place}"
        if place > 1 and not data.get(f"channel{suffix}"):
            continue
        texts = {
            name: data.get(f"{name}{suffix}", "")[:MAX_TEXT]
            for name in ("channel", "subject", "body", "html", "template")
        }
        variables = VariablesWidget().value_from_datadict(data, {}, f"variables{suffix}")
        yield contents.tidy(ChannelContent(**texts, variables=variables))


def _buttons(data: QueryDict) -> list[dict[str, str]]:
    """The buttons, while all of them are; half a button is not shown yet."""
    said: list[dict[str, str]] = ButtonsWidget().value_from_datadict(data, _NO_FILES, "buttons")
    try:
        buttons.check(said)
    except ValidationError:
        return [row for row in said if _whole(row)]
    return said


def _whole(row: dict[str, str]) -> bool:
    try:
        buttons.check([row])
    except ValidationError:
        return False
    return True


_NO_FILES: Mapping[str, object] = {}
