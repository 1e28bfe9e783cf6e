"""Bearer keys and what they may do (contract §3)."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from loyalty.api.problems import Problem
from loyalty.models import ApiKey
from loyalty.services import api_keys


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer <key>`; `request.auth` becomes the ApiKey. There is no user: a till is nobody."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        scheme, _space, given = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        now = timezone.now()
        # Latin-1 maps any bytes: a strange key is a wrong one, not an error.
        key = api_keys.find(given.strip().decode("latin-1"), now)
        if key is None:
            raise exceptions.AuthenticationFailed(_("This is no key, or one that was switched off or is over."))
        api_keys.used(key, now)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class HasScope(BasePermission):
    """Lets a key do what its scopes say: `<resource>:read` to look, `<resource>:write` to change.

    A view says its `resource`, and `reads = ("quote",)` where an action by POST changes nothing.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False  # which DRF answers 401
        reading = request.method in SAFE_METHODS or view.action in getattr(view, "reads", ())
        scope = f"{view.resource}:{'read' if reading else 'write'}"
        if scope not in request.auth.scopes:
            raise Problem("forbidden", _("The key lacks the scope %(scope)s.") % {"scope": scope})
        return True
