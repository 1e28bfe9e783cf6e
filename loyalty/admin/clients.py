"""Clients: the list, and one page with who they are, what they own and what happened to them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminSelectWidget

from loyalty.admin import bonuses, personal, recommended
from loyalty.admin.base import BigTableList, money
from loyalty.admin.show import pairs, pairs_table
from loyalty.event_names import event_label
from loyalty.models import (
    BonusHold,
    BonusLot,
    BonusOperation,
    Cart,
    Client,
    ClientLevel,
    ClientLocation,
    Consent,
    ConsentRequest,
    Event,
    Order,
    Referral,
)
from loyalty.services import find, ledger, profiles, referrals, stream

TIMELINE_PAGE = 30
# What the rooms above know of a client: a section of the page each, or nothing.
SECTIONS: list[Callable[[HttpRequest, Client], SafeString | str]] = []


class ClientForm(forms.ModelForm):
    """What staff may correct. Phone and e-mail are names: they come with the events that carry them."""

    zone = forms.ChoiceField(label=capfirst(_("time zone")), required=False, widget=UnfoldAdminSelect2Widget)
    language = forms.ChoiceField(label=capfirst(_("language")), required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        empty = ("", _("As the programme's"))
        zones = sorted(name for name in available_timezones() if "/" in name)
        self._offer("zone", [empty, *((name, name) for name in zones)])
        self._offer("language", [empty, *settings.LANGUAGES])

    def _offer(self, name: str, choices: list[Any]) -> None:
        """What a shop has told stays a choice, even where it is none of ours."""
        kept = getattr(self.instance, name)
        if kept and kept not in {value for value, _label in choices}:
            choices.append((kept, kept))
        if name in self.fields:
            self.fields[name].choices = choices  # type: ignore[attr-defined]


class ClientList(BigTableList):
    """Clients with their balances: one query for the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        held = ledger.balances([client.pk for client in self.result_list], timezone.now())
        for client in self.result_list:
            client.balance = held.get(client.pk, ledger.Balance())


@admin.register(Client)
class ClientAdmin(ModelAdmin):
    """Clients."""

    form = ClientForm
    list_display = ("named", "phone", "email", "available", "registered_at", "created_at")
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering = ("-pk",)
    search_fields = ("phone", "email", "first_name", "last_name")
    search_help_text = _("Phone, e-mail, external id or name")
    actions = None
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("first_name", "last_name"),
                    ("phone_shown", "email"),
                    ("birthday", "gender"),
                    ("zone", "language"),
                    "store",
                    ("registered_at", "created_at"),
                    "custom",
                )
            },
        ),
    )
    readonly_fields = ("phone_shown", "email", "registered_at", "created_at", "custom")
    compressed_fields = False
    change_form_outer_after_template = "loyalty/client_after.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ClientList

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        return ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        return super().get_queryset(request).select_related("merged_into")

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:client_id>/bonuses/", wrap(bonuses.correct), name="loyalty_client_bonuses"),
            path("<int:client_id>/personal-data/", wrap(personal.export), name="loyalty_client_export"),
            path("<int:client_id>/erase/", wrap(personal.erase), name="loyalty_client_erase"),
            path("<int:client_id>/recommended/", wrap(recommended.page), name="loyalty_client_recommended"),
            path("holds/<int:hold_id>/release/", wrap(bonuses.release), name="loyalty_hold_release"),
            *super().get_urls(),
        ]

    # Clients come with events and imports; their facts outlive them.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Client], search_term: str
    ) -> tuple[QuerySet[Client], bool]:
        if not search_term:
            return queryset, False
        # A name is looked for only where nobody has it as a phone, an e-mail or an id: that reads the whole table.
        return queryset.filter(pk__in=find.client_ids(search_term) or find.named(search_term)), False

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        # By the service, so that it is an event as any change of a client is (semantics §1).
        if changes := {name: form.cleaned_data[name] for name in form.changed_data}:
            profiles.change(obj.pk, stream.platform(), changes, timezone.now())

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        client = kwargs.get("obj")
        if client is not None:
            context["client_facts"] = facts(client, _page(request), timezone.now())
            context["client_sections"] = [section(request, client) for section in SECTIONS]
            context["may_erase"] = request.user.has_perm(personal.PERMISSION)
            context["may_correct"] = request.user.has_perm(bonuses.PERMISSION)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=pgettext_lazy("person", "name"), header=True)
    def named(self, client: Client) -> list[Any]:
        return [str(client), str(_("merged")) if client.merged_into_id else f"#{client.pk}"]

    @display(description=_("bonuses"))
    def available(self, client: Any) -> int:
        return client.balance.available

    @display(description=_("phone"))
    def phone_shown(self, client: Client) -> str:
        if client.phone_quality == Client.PhoneQuality.UNUSABLE:
            return f"{client.phone_given} ({client.get_phone_quality_display()})"
        return client.phone or "—"

    @display(description=_("custom attributes"))
    def custom(self, client: Client) -> str:
        return pairs_table(client.attributes)


def _page(request: HttpRequest) -> int:
    text = request.GET.get("events", "")
    return int(text) if text.isdecimal() and 0 < int(text) < 10_000 else 1


def facts(client: Client, page: int, now: datetime) -> dict[str, Any]:
    """What the page shows of a client beside the profile; the timeline by pages, newest first."""
    start = (page - 1) * TIMELINE_PAGE
    events = list(
        Event.objects.filter(client=client)
        .select_related("source")
        .defer("raw", "source__secret")
        .order_by("-occurred_at", "-pk")[start : start + TIMELINE_PAGE + 1]
    )
    lots = BonusLot.objects.filter(client=client, remaining__gt=0).order_by("expires_at", "activates_at", "pk")
    return {
        "client": client,
        "balance": ledger.balance(client.pk, now),
        "standing": ClientLevel.objects.filter(client=client).select_related("level").first(),
        "lots": [_lot(lot, now) for lot in lots[:100] if lot.expires_at is None or lot.expires_at > now],
        "holds": BonusHold.objects.filter(client=client, state=BonusHold.State.OPEN, deadline__gt=now).order_by("pk"),
        "operations": BonusOperation.objects.filter(client=client).select_related("author").order_by("-pk")[:20],
        "identities": client.identities.order_by("kind", "pk")[:50],
        "location": ClientLocation.objects.filter(client=client).first(),
        "consents": _consents(client),
        # All that was ever said, newest first: the evidence.
        "words": list(
            Consent.objects.filter(client=client)
            .select_related("source")
            .defer("source__secret")
            .order_by("-given_at", "-pk")[:200]
        ),
        # What waits for the client's word, and what became of what did.
        "requests": list(
            ConsentRequest.objects.filter(client=client)
            .select_related("source")
            .defer("source__secret")
            .order_by("-given_at", "-pk")[:200]
        ),
        "orders": [
            {"order": order, "total": money(order.total, order.currency)}
            for order in Order.objects.filter(client=client).order_by("-ordered_at")[:10]
        ],
        "carts": [
            {"cart": cart, "total": money(cart.total, cart.currency), "size": len(cart.lines)}
            for cart in Cart.objects.filter(client=client).order_by("-changed_at")[:5]
        ],
        "events": [
            {"event": event, "label": event_label(event.name), "pairs": pairs(event.payload)}
            for event in events[:TIMELINE_PAGE]
        ],
        "referral": _referral(client),
        "page": page,
        "next_page": page + 1 if len(events) > TIMELINE_PAGE else None,
        "previous_page": page - 1 if page > 1 else None,
    }


def _referral(client: Client) -> dict[str, Any] | None:
    """The client's link, whom they brought, and who brought them; nothing while nobody is invited."""
    rules = referrals.current()
    brought = Referral.objects.filter(referrer=client).exclude(state=Referral.State.REFUSED)
    by = Referral.objects.filter(referee=client).select_related("referrer").first()
    if not rules.active and by is None and not brought.exists():
        return None
    return {"link": referrals.link(client.pk, rules), "brought": brought[:1000].count(), "by": by}


def _lot(lot: BonusLot, now: datetime) -> dict[str, Any]:
    return {
        "remaining": lot.remaining,
        "burns": lot.expires_at,
        "active_from": lot.activates_at if lot.activates_at > now else None,
    }


def _consents(client: Client) -> list[Consent]:
    """The newest word on every channel and topic."""
    newest = Consent.objects.filter(client=client).order_by("channel", "topic", "-given_at", "-pk")
    return list(newest.distinct("channel", "topic").select_related("source").defer("source__secret"))
