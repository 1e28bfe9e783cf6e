"""Lists by pages: a cursor is a place in the order of ids, so a page costs the same however deep (contract §3).

Nor does a rare filter read the whole table: what no index answers is looked for among `LOOK` rows at a time. Such a
page may hold fewer rows than asked for, or none, and still name the next.
"""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from loyalty.api.problems import invalid
from loyalty.services import look

# Rows that one page reads at most where no index answers its filters.
LOOK = 10_000


class ByCursor(CursorPagination):
    """Newest first, 50 a page unless `page_size` asks for another number, 500 at most."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    page_size_query_description = _("How many a page: 1 to 500.")
    cursor_query_description = _("Where the page begins: taken from `next` or `previous`.")
    ordering = "-pk"

    # Where the look of this page ended, if there is more to look through.
    _looked_to: int | None = None

    def paginate_queryset(self, queryset: QuerySet, request: Request, view: APIView | None = None) -> list[Any] | None:
        if not getattr(view, "filterset_class", None) or not view.asked():  # type: ignore[union-attr]
            return super().paginate_queryset(queryset, request, view)
        cursor = self.decode_cursor(request)
        place = int(str(cursor.position)) if cursor else None
        back = bool(cursor and cursor.reverse)
        through = view.leading()  # type: ignore[union-attr]
        with transaction.atomic():
            look.plan_anew()
            stop = None
            if through is not None:
                stop = look.end(through, None if back else place, place if back else None, LOOK)
            if stop is not None:
                queryset = queryset.filter(pk__lte=stop) if back else queryset.filter(pk__gte=stop)
            page = super().paginate_queryset(queryset, request, view)
        if stop is not None and not (self.has_previous if back else self.has_next):
            self._looked_to = stop
        return page

    def get_next_link(self) -> str | None:
        if self._looked_to is not None and not (self.cursor and self.cursor.reverse):
            return self.encode_cursor(Cursor(0, False, str(self._looked_to)))
        return super().get_next_link()

    def get_previous_link(self) -> str | None:
        if self._looked_to is not None and self.cursor and self.cursor.reverse:
            return self.encode_cursor(Cursor(0, True, str(self._looked_to)))
        return super().get_previous_link()

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("page_size")
        if given is None:
            return self.page_size
        if not given.isdecimal() or not given.isascii() or int(given[:9]) < 1:
            raise invalid("page_size", str(_("must be a whole number of 1 to 500")))
        return min(int(given[:9]), self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            cursor = Cursor(0, False, "?")
        if cursor is None:
            return None
        place = cursor.position
        if place is None or not (place.isascii() and place.isdecimal() and len(place) < 19) or cursor.offset:
            raise invalid("cursor", str(_("is none of ours: take it from `next` or `previous`")))
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "nullable": True, "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }
