"""Filters of lists about clients."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from segments.models import Membership, Segment


class SegmentFilter(DropdownFilter):
    """By a segment that the line's client is in now; for models with a column `client_id`."""

    title = _("segment")
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, str]]:
        return ((str(pk), name) for pk, name in Segment.objects.order_by("name").values_list("pk", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not (value and value.isdecimal()):
            return queryset
        return queryset.filter(client_id__in=Membership.objects.filter(segment=value).values("client_id"))
