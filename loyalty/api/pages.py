"""Lists by pages: a cursor is a place in the order of ids, so a page costs the same however deep (contract §3)."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from loyalty.api.problems import invalid


class ByCursor(CursorPagination):
    """Newest first, 50 a page unless `page_size` asks for another number, 500 at most."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    page_size_query_description = _("How many a page: 1 to 500.")
    cursor_query_description = _("Where the page begins: taken from `next` or `previous`.")
    ordering = "-pk"

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
