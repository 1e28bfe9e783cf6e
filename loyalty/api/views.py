"""What every view of the API is."""

from hashlib import sha256
from typing import Any

import orjson
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from loyalty.api.auth import BearerKey, HasScope
from loyalty.api.body import Json
from loyalty.api.pages import ByCursor
from loyalty.api.problems import MEDIA_TYPE, Problem, invalid
from loyalty.api.throttle import PerKey
from loyalty.models import ApiKey
from loyalty.services import idempotency

HEADER = "Idempotency-Key"
KEY_LENGTH = 255


class Api(GenericViewSet):
    """A resource: `resource` is its name in scopes.

    Every POST is idempotent by construction: it is wrapped here, not by each view. `reads` names actions
    by POST that change nothing; for those the key is not needed.
    """

    authentication_classes = (BearerKey,)
    permission_classes = (HasScope,)
    throttle_classes = (PerKey,)
    parser_classes = (Json,)
    pagination_class = ByCursor
    filter_backends = (DjangoFilterBackend,)
    filterset_class: Any = None

    resource = ""
    reads: tuple[str, ...] = ()
    # Filters that find few rows by an index of their own: a list by them needs no bound.
    telling: frozenset[str] = frozenset({"search", "client", "external_id"})

    @property
    def key(self) -> ApiKey:
        """The caller's key."""
        return self.request.auth  # type: ignore[return-value]  # HasScope let nothing else in

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        handler = getattr(self, "post", None)
        if request.method == "POST" and handler is not None:
            self.post = lambda *a, **k: self._once(handler, *a, **k)

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    def _once(self, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = idempotency_key(request)
        if not given:
            if self.action in self.reads:
                return handler(request, *args, **kwargs)
            raise invalid(HEADER, _("is missing: every POST needs one, so that it can be repeated safely"))

        def work() -> idempotency.Answer:
            try:
                with transaction.atomic():
                    response = handler(request, *args, **kwargs)
            except Exception as error:
                response = self.handle_exception(error)
                if response.status_code >= 500 or response.status_code == 429:
                    raise  # nothing was decided: the same key may try again
            return idempotency.Answer(response.status_code, JSONRenderer().render(response.data).decode())

        try:
            answer = idempotency.once(self.key.pk, given, fingerprint(request), work, timezone.now())
        except idempotency.KeyReused:
            raise Problem("key-reused", _("It came before with another address or body.")) from None
        return Response(
            orjson.loads(answer.body or "null"),
            status=answer.status,
            headers={"Idempotency-Replayed": "true"} if answer.replayed else None,
            content_type=MEDIA_TYPE if answer.status >= 400 else None,
        )

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        """Filters; a parameter that is none is refused, because a mistyped filter would show everything."""
        known = {"cursor", "page_size", *getattr(self.filterset_class, "base_filters", ())}
        if unknown := sorted(set(self.request.query_params) - known):
            raise invalid(
                unknown[0], _("is no filter here; known are: %(known)s") % {"known": ", ".join(sorted(known))}
            )
        return super().filter_queryset(queryset)

    def asked(self) -> dict[str, str]:
        """The filters of the list that are in use."""
        given = self.request.query_params
        return {name: given[name] for name in getattr(self.filterset_class, "base_filters", ()) if given.get(name)}

    def leading(self) -> QuerySet | None:
        """The rows to look through for what the filters ask, in the order of ids, a part at a time (`pages.ByCursor`).

        None: an index answers all that is asked, and a page needs no bound.
        """
        asked = self.asked().keys()
        return None if not asked or asked & self.telling else self.queryset.model._default_manager.all()

    def validated(self, serializer_class: Any, **options: Any) -> dict[str, Any]:
        """The request's body, checked."""
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context(), **options)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def page(self, queryset: QuerySet, serializer_class: Any) -> Response:
        """A page of a list that is not the view's own."""
        rows = self.paginate_queryset(queryset)
        return self.get_paginated_response(serializer_class(rows, many=True).data)


def idempotency_key(request: Request) -> str:
    """The key of a request, empty where it has none."""
    given = request.headers.get(HEADER, "").strip()
    if len(given) > KEY_LENGTH or not given.isascii() or (given and not given.isprintable()):
        raise invalid(HEADER, _("must be up to %(limit)s printable ASCII characters") % {"limit": KEY_LENGTH})
    return given


def fingerprint(request: Request) -> str:
    """What was asked: the address and the body, whatever order the body's fields come in."""
    raw = request._request.body
    try:
        body = orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        body = raw
    return sha256(f"{request.method} {request.get_full_path()}\n".encode() + body).hexdigest()


class Nowhere(APIView):
    """Any other address under /api/: a problem document, not a page."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Problem("not-found", _("There is nothing at this address."))
