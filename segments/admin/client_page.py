"""The segments of a client, for the client's page."""

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from loyalty.models import Client
from segments.models import Membership


def section(request: HttpRequest, client: Client) -> SafeString | str:
    """The segments that the client is in, as coloured labels; nothing for those who may not see segments."""
    if not request.user.has_perm("segments.view_segment"):
        return ""
    rows = Membership.objects.filter(client=client).select_related("segment").order_by("segment__name")
    return render_to_string("segments/client_section.html", {"memberships": rows}, request)
