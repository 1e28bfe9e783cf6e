"""`/r/…` a tracked link, `/o/…` the picture that tells an open (contract §4): they must not be felt."""

import logging
from base64 import b64decode

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from loyalty.pages.plain import plain
from messaging import tokens
from messaging.models import Link
from messaging.services import links, machines, touches
from messaging.tokens import Purpose

log = logging.getLogger(__name__)

# One transparent point.
_GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


@never_cache
@require_safe
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Leads where the message said; the click is kept on the way."""
    try:
        message_id, link_id = tokens.read(Purpose.LINK, token)
        url = links.target(link_id)
    except (tokens.Forged, ValueError):
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    except Link.DoesNotExist:
        return plain(request, 410, t("This link is no longer there"), t("Please look on the shop's site."))
    _note(request, message_id, link_id)
    answer = HttpResponseRedirect(url)
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer


@never_cache
@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponse:
    """A picture of one point; that it was shown is kept."""
    try:
        (message_id,) = tokens.read(Purpose.OPEN, token)
    except (tokens.Forged, ValueError):
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    _note(request, message_id, None)
    return HttpResponse(_GIF, content_type="image/gif")


def _note(request: HttpRequest, message_id: int, link_id: int | None) -> None:
    purpose = " ".join(request.headers.get(name, "") for name in _PURPOSES).lower()
    asked = machines.Request(request.method or "", request.headers.get("User-Agent", ""), purpose)
    try:
        touches.note(message_id, link_id, machines.who_asks(asked), timezone.now())
    except DatabaseError as error:
        # The reader comes first: a click that cannot be counted still leads on.
        log.warning("a click or an open could not be kept", extra={"reason": type(error).__name__})
