"""The catalogue: products with what is known of them, and categories with what goes well with them."""

from typing import Any

import django_rq
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.decorators import action, display

from loyalty.admin.base import BigTableAdmin, ReadOnlyAdmin, link, money
from loyalty.admin.events import SourceFilter
from loyalty.models import Category, Product, ProductChange, ProductCount, ProductPair, ProductPopularity
from loyalty.services import product_facts
from loyalty.services.promo_items import not_on_promo, on_promo, promo_price

JOB = "loyalty.jobs.count_products"
CHANGES = 30


class PromoFilter(DropdownFilter):
    """Whether the price is below the one before."""

    title = _("promo")
    parameter_name = "promo"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Promo items")), ("no", _("At the usual price"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() not in ("yes", "no"):
            return queryset
        now = timezone.now()
        return queryset.filter(on_promo(now) if self.value() == "yes" else not_on_promo(now))


@admin.register(Product)
class ProductAdmin(BigTableAdmin):
    """The catalogue, and what orders say of it."""

    list_display = ("__str__", "sku", "brand", "category", "sum", "in_stock", "buyers", "updated_at", "source")
    list_select_related = ("category", "source", "popularity")
    list_filter = (SourceFilter, ["category", AutocompleteSelectFilter], "in_stock", PromoFilter)
    list_filter_submit = True
    actions_list = ("count_now",)
    search_fields = ("=sku", "=external_id", "title__istartswith")
    search_help_text = _("SKU, external id or the beginning of the title")
    fields = (
        ("title", "brand"), ("sku", "external_id"), ("category", "source"), ("sum", "in_stock", "stock"),
        ("published_at", "updated_at"), "url", "image_url",
    )  # fmt: skip
    readonly_fields = ("sum",)
    change_form_outer_after_template = "loyalty/product_after.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).defer("source__secret")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        """By the products' own columns, not by client."""
        return super(BigTableAdmin, self).get_search_results(request, queryset, search_term)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if kwargs.get("obj") is not None:
            context["product_facts"] = facts(kwargs["obj"])
        return super().render_change_form(request, context, *args, **kwargs)

    @action(description=_("Count popularity and pairs now"), icon="calculate", permissions=["count_now"])
    def count_now(self, request: HttpRequest) -> HttpResponse:
        transaction.on_commit(lambda: django_rq.get_queue("segments").enqueue(JOB), robust=True)
        messages.info(request, t("They are being counted: a minute or two for a large shop."))
        return HttpResponseRedirect(reverse("admin:loyalty_product_changelist"))

    def has_count_now_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("loyalty.view_product")

    @display(description=_("price"))
    def sum(self, product: Product) -> SafeString | str:
        now = money(product.price, product.currency)
        before = promo_price(product, timezone.now())
        if before is None:
            return now
        return format_html("{} <s>{}</s>", now, money(before, product.currency))

    @display(description=_("buyers in 90 days"))
    def buyers(self, product: Product) -> int | str:
        popularity = getattr(product, "popularity", None)
        return popularity.buyers if popularity else "—"


def facts(product: Product) -> dict[str, Any]:
    """What the page shows of a product beside itself."""
    pairs = ProductPair.objects.filter(product=product).select_related("other").order_by("rank")
    return {
        "popularity": ProductPopularity.objects.filter(product=product).first(),
        "pairs": [{"link": link(pair.other), "together": pair.together, "lift": pair.lift} for pair in pairs],
        "changes": [
            {"at": change.at, "what": _said(change), "drop": change.drop_percent}
            for change in ProductChange.objects.filter(product=product).order_by("-at", "-pk")[:CHANGES]
        ],
        "counted": ProductCount.objects.first(),
        "support": product_facts.SUPPORT,
        "days": product_facts.POPULAR.days,
    }


def _said(change: ProductChange) -> str:
    if change.kind == ProductChange.Kind.PUBLISHED:
        return t("published")
    if change.kind == ProductChange.Kind.STOCK:
        return t("back in stock") if change.after else t("sold out")
    after = money(change.after, change.currency)
    return after if change.before is None else f"{money(change.before, change.currency)} → {after}"


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin):
    """Categories, as the shops name them. Staff say which go well together; the rest is the shop's."""

    list_display = ("name", "external_id", "source")
    list_select_related = ("source",)
    search_fields = ("name", "external_id")
    ordering = ("name",)
    fields = ("name", "external_id", "source", "accessories")
    readonly_fields = ("name", "external_id", "source")
    autocomplete_fields = ("accessories",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return ModelAdmin.has_change_permission(self, request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return super().get_queryset(request).defer("source__secret")
