"""The stream of events, read only."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from loyalty.admin.base import BigTableAdmin, link
from loyalty.admin.show import pairs_table
from loyalty.event_names import EVENT_NAMES, event_label
from loyalty.models import Event, Source


class NameFilter(DropdownFilter):
    """By the event's name, of those that the platform knows."""

    title = _("event")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(EVENT_NAMES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(name=self.value()) if self.value() else queryset


class SourceFilter(DropdownFilter):
    """By source."""

    title = _("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, str]]:
        return ((str(source.pk), str(source)) for source in Source.objects.defer("secret").order_by("name", "slug"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        value = self.value()
        return queryset.filter(source=value) if value and value.isdecimal() else queryset


@admin.register(Event)
class EventAdmin(BigTableAdmin):
    """What happened."""

    list_display = ("occurred_at", "named", "who", "source")
    list_select_related = ("client", "source")
    list_filter = (NameFilter, SourceFilter)
    list_filter_submit = True
    fields = ("named", "who", "source", "external_id", "anonymous_id", "occurred_at", "received_at", "depth", "said")
    readonly_fields = ("named", "who", "said")
    search_help_text = _("Phone, e-mail or id of a client")

    @display(description=_("event"))
    def named(self, event: Event) -> str:
        return event_label(event.name)

    @display(description=_("client"))
    def who(self, event: Event) -> SafeString | str:
        return link(event.client)

    @display(description=_("what was said"))
    def said(self, event: Event) -> SafeString | str:
        return pairs_table(event.payload)
