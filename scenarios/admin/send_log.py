"""The log: every message, whatever wrote it, with its scenario, its step and what came with it."""

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.views import ChangeList

from loyalty.admin.base import DayFilter, grouped, link, masked, may_see_clients
from loyalty.admin.keyset import KeysetAdmin, KeysetList
from loyalty.services import find
from messaging.admin.messages import STATUS_COLOURS, shown_address, shown_status
from messaging.models import Message, Topic
from messaging.services.find import TROUBLES, id_bounds, message_ids, to_look_through
from scenarios.admin.log import ScenarioFilter
from scenarios.admin.log_file import MOST, as_csv
from scenarios.admin.log_lines import cost_of, dress
from scenarios.admin.path import path_view
from scenarios.admin.retrying import PERMISSION, retry_view
from scenarios.reasons import reason_label
from segments.admin.filters import SegmentFilter

DAYS = ("created_at_from", "created_at_to")
# One client, or one run: their own index finds all of it at once.
FEW = {"client", "client__id__exact", "client_id", "run_id"}
# What the filters call the columns.
COLUMNS = {
    "scenario": "scenario_id", "reason__exact": "reason", "channel__exact": "channel", "status__exact": "status",
}  # fmt: skip
EXPORT = "messaging.export_message"


class CreatedFilter(DayFilter):
    """By days; told in ids as well, in whose order the list is."""

    @cached_property
    def ids(self) -> Q:
        first, last = self._day("from"), self._day("to")
        low, high = id_bounds(
            self.midnight(first) if first else None, self.midnight(last + timedelta(days=1)) if last else None
        )
        return (Q() if low is None else Q(pk__gte=low)) & (Q() if high is None else Q(pk__lt=high))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # The planner takes ids and times for independent, and would rather sort a whole day than read it by id.
        written = queryset.alias(written=F("created_at") + timedelta(0)).filter(self.ids)
        first, last = self._day("from"), self._day("to")
        if first:
            written = written.filter(written__gte=self.midnight(first))
        return written.filter(written__lt=self.midnight(last + timedelta(days=1))) if last else written


class WhomFilter(DropdownFilter):
    """Clients, staff, or nobody in earnest."""

    title = _("to whom")
    parameter_name = "whom"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("client", _("clients")), ("staff", _("staff")), ("test", _("test sends"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        match self.value():
            case "test":
                return queryset.filter(test=True)
            case "client" | "staff" as recipient:
                return queryset.filter(test=False, recipient=recipient)
            case _:
                return queryset


class TopicFilter(DropdownFilter):
    """By topic."""

    title = _("topic")
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*Topic.objects.order_by("name").values_list("slug", "name"), ("staff", _("staff"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(topic=self.value()) if self.value() else queryset


class SendLogList(KeysetList):
    """A page of messages with their scenarios, steps and gains: a few queries more, however many they are."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.may_export = request.user.has_perm(EXPORT)
        self.most = grouped(MOST)
        dress(self.result_list, may_see_clients(request))


@admin.register(Message)
class SendLogAdmin(KeysetAdmin):
    """The log."""

    list_display = (
        "created_at", "who", "automation", "step", "by_channel", "state", "why",
        "accrued", "promo", "costs", "tries", "way",
    )  # fmt: skip
    list_select_related = ("client",)
    list_filter = (
        ("created_at", CreatedFilter),
        ScenarioFilter,
        ("channel", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        TopicFilter,
        SegmentFilter,
        WhomFilter,
    )
    list_filter_submit = True
    actions = ("send_again",)
    actions_detail = ("send_this_again",)
    # Drawing a row costs more than reading it.
    list_per_page = 50
    list_display_links = ("created_at",)
    list_before_template = "scenarios/send_log_before.html"
    empty_value_display = ""
    search_help_text = _("Phone, e-mail or id of a client; id of a message, ours or the provider's")
    fields = (
        "who", "to", "recipient", "test", "automation", "step", "channel", "topic", "status", "why", "error",
        "subject", "body", "accrued", "promo", "costs", "tries", "again", "attempt", "provider_id",
        "created_at", "due_at", "sent_at", "delivered_at", "first_opened_at", "first_clicked_at", "way",
    )  # fmt: skip
    readonly_fields = ("who", "to", "automation", "step", "why", "accrued", "promo", "costs", "again", "way")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("path/<int:run_id>/", wrap(self.path_view), name="scenarios_path"),
            path("retry/", wrap(self.retry_view), name="messaging_message_retry"),
            path("export/", wrap(self.export_view), name="messaging_message_export"),
            *super().get_urls(),
        ]

    def path_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        return path_view(request, run_id, **self.admin_site.each_context(request))

    def retry_view(self, request: HttpRequest) -> HttpResponse:
        return retry_view(request, **self.admin_site.each_context(request))

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The messages of the filters as CSV; the history of the log says who took them."""
        if not (self.has_view_permission(request) and request.user.has_perm(EXPORT)):
            raise PermissionDenied
        found = self.get_changelist_instance(request)
        LogEntry.objects.create(
            user_id=request.user.pk,
            content_type=ContentType.objects.get_for_model(Message),
            object_repr=str(self.opts.verbose_name_plural),
            action_flag=CHANGE,
            change_message=t("Took the log as a file: %(filters)s") % {"filters": found.get_query_string()},
        )
        return StreamingHttpResponse(
            as_csv(found.queryset, may_see_clients(request)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="messages.csv"'},
        )

    def has_retry_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the user may send again: at all, or this message."""
        if not request.user.has_perm(PERMISSION):
            return False
        return object_id is None or Message.objects.filter(pk=object_id, status__in=TROUBLES).exists()

    @action(description=_("Send again…"), permissions=["retry"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse:
        return _ask_again(queryset.values_list("pk", flat=True))

    @action(description=_("Send again…"), permissions=["retry"], url_path="again", icon="replay")
    def send_this_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return _ask_again([int(object_id)])

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SendLogList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Message | None:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            dress([found], may_see_clients(request))
            found.address_shown = shown_address(request, found)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        if not search_term:
            return queryset, False
        # One or the other, never both by OR: each alone goes by its index.
        if ids := message_ids(search_term):
            return queryset.filter(pk__in=ids), False
        return queryset.filter(client__in=find.client_ids(search_term)), False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # The text may name the client.
        hidden = () if may_see_clients(request) else ("subject", "body", "error")
        return tuple(name for name in self.fields if name not in hidden)

    def leading(self, found: KeysetList) -> QuerySet[Message] | None:
        asked = {name for name, values in found.filter_params.items() if any(values)} - set(DAYS)
        if not asked or found.query or asked & FEW:
            return None
        values = {COLUMNS.get(name, name): str(found.filter_params[name][-1]) for name in asked}
        days = next((spec for spec in found.filter_specs if isinstance(spec, CreatedFilter)), None)
        return to_look_through(values, days.ids if days else Q())

    @display(description=_("phone"))
    def who(self, message: Any) -> SafeString | str:
        client = message.client
        if client is None:
            return "—"
        if not message.full:
            return masked(client.phone) or f"#{client.pk}"
        return link(client, client.phone or client.email or f"#{client.pk}")

    @display(description=_("address"))
    def to(self, message: Any) -> str:
        return message.address_shown

    @display(description=_("scenario"))
    def automation(self, message: Any) -> SafeString | str:
        return link(message.scenario) if message.scenario else ""

    @display(description=_("step"))
    def step(self, message: Any) -> str:
        if message.sentence:
            return message.sentence
        # Notices belong to no step: what they say tells them apart.
        return (message.subject or message.body)[:80] if message.full else ""

    @display(description=_("channel"), header=True)
    def by_channel(self, message: Message) -> list[Any]:
        return [message.get_channel_display(), t("test send") if message.test else message.topic]

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, message: Message) -> tuple[str, str]:
        return message.status, shown_status(message)

    @display(description=_("reason"))
    def why(self, message: Any) -> SafeString | str:
        if not message.reason:
            return ""
        # What a provider answered may name an address.
        return format_html(
            '<span title="{}">{}</span>', message.error if message.full else "", reason_label(message.reason)
        )

    @display(description=_("bonuses"))
    def accrued(self, message: Any) -> str:
        return "" if message.bonuses is None else f"{message.bonuses:+f}"

    @display(description=_("promo code"))
    def promo(self, message: Any) -> SafeString | str:
        # A code is as good as money.
        return format_html_join(", ", "{}", ((code if message.full else masked(code),) for code in message.codes))

    @display(description=_("cost"))
    def costs(self, message: Any) -> str:
        return f"{cost_of(message)} {message.currency}" if message.cost is not None else ""

    @display(description=_("sent again"))
    def again(self, message: Message) -> SafeString:
        asked = message.retries.order_by("pk")
        told = ((localize(localtime(row.at)), row.by, reason_label(row.reason)) for row in asked)
        return format_html_join("", "<div>{} · {} · {}</div>", told)

    @display(description=_("way"))
    def way(self, message: Any) -> SafeString | str:
        if message.run_id is None:
            return ""
        return format_html(
            '<a class="text-link" href="{}" title="{}">{}</a>',
            reverse("admin:scenarios_path", args=[message.run_id]),
            t("Path of the client"),
            t("Path"),
        )


def _ask_again(ids: Iterable[int]) -> HttpResponse:
    asked = ",".join(map(str, ids))
    return HttpResponseRedirect(f"{reverse('admin:messaging_message_retry')}?ids={asked}")
