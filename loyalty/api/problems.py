"""Every refusal of the API as a problem document (RFC 9457), whatever refused it.

One rule for statuses: 400 the request itself is wrong; 404 what it names is not there; 409 the request is
right and the state of things refuses it.
"""

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response

from loyalty.intake.facts import Refused

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:loyalty:problem:"
RETRY_AFTER = 5  # seconds

# Each kind of problem: its last part of `type`, its status, its title.
KINDS: dict[str, tuple[int, Promise]] = {
    "invalid": (400, gettext_lazy("The request is not valid")),
    "unreadable": (400, gettext_lazy("The body cannot be read")),
    "unauthenticated": (401, gettext_lazy("A valid API key is needed")),
    "forbidden": (403, gettext_lazy("The API key may not do this")),
    "not-found": (404, gettext_lazy("There is no such thing")),
    "method-not-allowed": (405, gettext_lazy("This address does not do that")),
    "not-acceptable": (406, gettext_lazy("Answers come as JSON only")),
    "conflict": (409, gettext_lazy("The present state does not allow it")),
    "duplicate": (409, gettext_lazy("Another one has this already")),
    "key-reused": (409, gettext_lazy("The idempotency key belongs to another request")),
    "insufficient": (409, gettext_lazy("The client has fewer bonuses")),
    "hold-resolved": (409, gettext_lazy("The hold was captured or released before")),
    "hold-expired": (409, gettext_lazy("The hold's deadline has passed")),
    "too-much": (409, gettext_lazy("That is more than there is to take")),
    "not-payable": (409, gettext_lazy("The rules do not let so many bonuses pay for it")),
    "promo-refused": (409, gettext_lazy("The promo code was not accepted")),
    "too-large": (413, gettext_lazy("The body is too large")),
    "unsupported-media-type": (415, gettext_lazy("The body must be JSON")),
    "throttled": (429, gettext_lazy("Too many requests")),
    "failure": (500, gettext_lazy("Something went wrong here")),
    "unavailable": (503, gettext_lazy("Not available for the moment")),
}


class Problem(exceptions.APIException):
    """A refusal of ours: one of `KINDS`, a detail, and which fields are to blame."""

    def __init__(self, kind: str, detail: str = "", **errors: str) -> None:
        self.kind = kind
        self.status_code, self.title = KINDS[kind]
        self.errors = [{"field": field, "reason": reason} for field, reason in errors.items()]
        super().__init__(detail or "; ".join(f"{field}: {reason}" for field, reason in errors.items()) or self.title)


def invalid(field: str, reason: str) -> Problem:
    """A refusal of one field, whose name may be any (`lines[0].price`)."""
    return Problem("invalid", **{field or "body": str(reason)})


def document(kind: str, detail: str, errors: list[dict[str, str]] | None = None, code: int | None = None) -> dict:
    """A problem document."""
    usual, title = KINDS[kind]
    found: dict[str, Any] = {"type": TYPE + kind, "title": str(title), "status": code or usual, "detail": detail}
    return found | {"errors": errors} if errors else found


def answer(kind: str, detail: str) -> Response:
    """A refusal that is not raised: what was written on the way to it (a log, a count) stays."""
    told = document(kind, detail)
    return Response(told, status=told["status"], content_type=MEDIA_TYPE)


_BY_STATUS = {code: kind for kind, (code, _title) in reversed(KINDS.items())}


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: the answer to any exception. What nobody expected is logged and answered 500."""
    known = _known(error)
    if known is None:
        log.exception("a request failed", exc_info=error)
        known = Problem("failure")
    headers = {}
    if wait := getattr(known, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if auth_header := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    return Response(_written(known), status=known.status_code, headers=headers, content_type=MEDIA_TYPE)


def _known(error: Exception) -> exceptions.APIException | None:
    match error:
        case exceptions.APIException():
            return error
        case Http404():
            return Problem("not-found")
        case PermissionDenied():
            return Problem("forbidden")
        case Refused():
            return invalid(error.field, error.reason)
        case RequestDataTooBig():
            return Problem("too-large")
        case DataError():
            return Problem("invalid", _("It holds a value that cannot be stored."))
        case OperationalError() | InterfaceError() | IntegrityError():
            # Nothing was committed, and the same request may succeed in a moment: two may have met.
            log.warning("a request met the database's refusal", extra={"reason": type(error).__name__})
            away = Problem("unavailable", _("The database is not available, try again."))
            away.wait = RETRY_AFTER  # type: ignore[attr-defined]
            return away
    return None


def _written(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, Problem):
        return document(error.kind, str(error.detail), error.errors)
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.detail))
        return document("invalid", "; ".join(f"{each['field']}: {each['reason']}" for each in errors), errors)
    kind = "unreadable" if isinstance(error, exceptions.ParseError) else _BY_STATUS.get(error.status_code, "failure")
    return document(kind, str(error.detail), code=error.status_code)


def _flat(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested messages as a list; a list's place is written `lines[0].price`."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            if name == "non_field_errors":
                yield from _flat(inner, path)
            elif isinstance(name, int):  # ListField names a bad item by its place
                yield from _flat(inner, f"{path}[{name}]")
            else:
                yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list) and any(isinstance(inner, dict) for inner in detail):
        for place, inner in enumerate(detail):
            yield from _flat(inner, f"{path}[{place}]")
    elif isinstance(detail, list):
        for inner in detail:
            yield {"field": path or "body", "reason": str(inner)}
    else:
        yield {"field": path or "body", "reason": str(detail)}
