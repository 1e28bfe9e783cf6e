"""Pictures of codes in messages: public, signed, the same for ever."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from messaging.services import pictures


@require_safe
def picture(request: HttpRequest, kind: str, signed: str) -> HttpResponse:
    """The PNG of a code; 404 for an address that was not given by this platform."""
    try:
        drawn = pictures.drawn(kind, signed)
    except pictures.NoPicture:
        raise Http404 from None
    return HttpResponse(
        drawn, content_type="image/png", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )
