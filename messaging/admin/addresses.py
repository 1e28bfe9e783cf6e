"""Chats, devices and browsers of clients: looked at, and switched off where somebody asks for it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from loyalty.admin.base import BigTableAdmin, DayFilter
from messaging.models import ClientAddress
from messaging.services import addresses

SHOWN = 40  # symbols of an address in the list


class StateFilter(admin.SimpleListFilter):
    """Whether messages go there."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("on", _("in use")), ("off", _("switched off"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ClientAddress]) -> QuerySet[ClientAddress]:
        return queryset.filter(active=self.value() == "on") if self.value() in ("on", "off") else queryset


@admin.register(ClientAddress)
class ClientAddressAdmin(BigTableAdmin):
    """Addresses of clients."""

    list_display = ("who", "channel", "shown", "device", "state", "created_at", "seen_at")
    list_display_links = ("shown",)
    list_filter = ("channel", StateFilter, ("seen_at", DayFilter))
    list_filter_submit = True
    list_select_related = ("client",)
    search_help_text = _("Phone, e-mail, external id or name of a client")
    fields = ("who", "channel", "shown", "device", "state", "created_at", "seen_at")
    readonly_fields = ("who", "shown", "state")
    actions = ("switch_off", "switch_on")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientAddress]:
        return addresses.with_state(super().get_queryset(request))

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Who may stop an address may let it go on."""
        return request.user.has_perms(["messaging.add_suppression", "messaging.delete_suppression"])

    @action(description=_("Switch off"), permissions=["switch"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[ClientAddress]) -> None:
        count = addresses.switch_off(list(queryset), str(request.user), timezone.now())
        words = ngettext("%(n)d address switched off: nothing is sent there.",
                         "%(n)d addresses switched off: nothing is sent there.", count)  # fmt: skip
        self.message_user(request, words % {"n": count})

    @action(description=_("Use again"), permissions=["switch"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[ClientAddress]) -> None:
        count = addresses.switch_on(list(queryset))
        words = ngettext("%(n)d address is in use again.", "%(n)d addresses are in use again.", count)
        self.message_user(request, words % {"n": count})

    @display(description=_("client"))
    def who(self, row: ClientAddress) -> SafeString:
        link = reverse("admin:loyalty_client_change", args=[row.client_id])
        return format_html('<a class="text-link" href="{}">{}</a>', link, row.client)

    @display(description=_("address"))
    def shown(self, row: ClientAddress) -> str:
        return row.value if len(row.value) <= SHOWN else f"{row.value[:SHOWN]}…"

    @display(description=_("state"), label={"on": "success", "off": "danger"})
    def state(self, row: Any) -> tuple[str, Any]:
        return ("on", _("in use")) if row.active else ("off", _("switched off"))
