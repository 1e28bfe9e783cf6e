"""A message before it is sent: as a client would get it, and as a test to oneself (semantics §25)."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as t
from django.views.decorators.http import require_POST

from loyalty.admin.base import may_see_clients
from loyalty.services import find
from messaging.models import Channel, Recipient
from messaging.services import outbox, preview
from messaging.services.preview import Shown

MAX_TEXT = 100_000  # characters of a posted text


@dataclass(frozen=True, slots=True)
class Posted:
    """What the form holds now, saved or not."""

    channel: str
    topic: str
    subject: str
    body: str
    html: str


@require_POST
def preview_view(request: HttpRequest) -> HttpResponse:
    """The message of the posted form for the client named by `who`, as a piece of a page."""
    return render(request, "messaging/preview_shown.html", _context(request))


@require_POST
def test_view(request: HttpRequest) -> HttpResponse:
    """Sends the message of the posted form to the e-mail of whoever asks: in the log as a test, in no statistics."""
    context = _context(request)
    shown: Shown = context["shown"]
    address = str(getattr(request.user, "email", ""))
    if not shown.said:
        words = t("Nothing was sent: the message cannot be made.")
    elif context["content"].channel != Channel.EMAIL:
        words = t("A test of this channel is sent from its account: Channel accounts → Send a test.")
    elif not address:
        words = t("Your user has no e-mail address.")
    else:
        draft = outbox.Draft(
            client_id=None, scenario_id=None, run_id=None, step_key="", visit=1,
            channel=Channel.EMAIL, topic=context["content"].topic, address=address,
            subject=t("[Test] %(subject)s") % {"subject": shown.said.subject}, body=shown.said.body,
            html=shown.said.html, recipient=Recipient.STAFF, test=True,
        )  # fmt: skip
        outbox.queue([draft], timezone.now())
        words = t("The test is on its way to %(address)s.") % {"address": address}
    return render(request, "messaging/preview_shown.html", context | {"told": words})


def _context(request: HttpRequest) -> dict[str, object]:
    posted = {name: request.POST.get(name, "")[:MAX_TEXT] for name in ("channel", "topic", "subject", "body", "html")}
    content = Posted(**posted)
    who, client_id, unknown = request.POST.get("who", "").strip(), None, ""
    if who:
        if not may_see_clients(request):
            raise PermissionDenied
        found = find.client_ids(who) or find.named(who)
        client_id = found[0] if found else None
        unknown = "" if found else t("Nobody is known by this: an example is shown.")
    shown = preview.show(content, client_id, timezone.now())  # type: ignore[arg-type]  # it has a message's texts
    return {"shown": shown, "content": content, "unknown": unknown, "is_email": content.channel == Channel.EMAIL,
            "is_sms": content.channel == Channel.SMS}  # fmt: skip
