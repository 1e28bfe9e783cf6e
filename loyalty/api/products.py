"""`products/`: what the shops sell (contract §3)."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import Row
from loyalty.api.filters import Filters
from loyalty.api.lookup import row_or_404
from loyalty.api.views import Api
from loyalty.models import Product, Source
from loyalty.money import major
from loyalty.services.promo_items import not_on_promo, on_promo, promo_price


class ProductOut(Row):
    """A product. Prices are decimal text of `currency`; `price` is null where nobody told it, `old_price` unless the
    product is on promo."""

    source = serializers.CharField(source="source.slug", read_only=True)
    price = serializers.SerializerMethodField()
    old_price = serializers.SerializerMethodField()
    category = serializers.CharField(source="category.name", default="", read_only=True)
    category_id = serializers.CharField(source="category.external_id", default="", read_only=True)

    class Meta:
        model = Product
        fields = (
            "id",
            "source",
            "external_id",
            "sku",
            "title",
            "brand",
            "category",
            "category_id",
            "price",
            "old_price",
            "currency",
            "url",
            "image_url",
            "in_stock",
            "stock",
            "published_at",
            "updated_at",
        )

    def get_price(self, product: Product) -> str | None:
        return None if product.price is None else f"{major(product.price, product.currency):f}"

    def get_old_price(self, product: Product) -> str | None:
        before = promo_price(product, timezone.now())
        return None if before is None else f"{major(before, product.currency):f}"


class ProductFilters(Filters):
    """Of products."""

    search = django_filters.CharFilter(method="find", help_text="External id or SKU.")
    external_id = django_filters.CharFilter(method="by_external_id")
    sku = django_filters.CharFilter()
    source = django_filters.CharFilter("source__slug")
    in_stock = django_filters.BooleanFilter()
    category = django_filters.CharFilter("category__external_id", help_text="The category's id in the shop.")
    brand = django_filters.CharFilter()
    promo = django_filters.BooleanFilter(method="by_promo", help_text="Whether the price is below the one before.")

    def by_promo(self, rows: QuerySet[Product], _name: str, wanted: bool) -> QuerySet[Product]:
        return rows.filter(on_promo(timezone.now()) if wanted else not_on_promo(timezone.now()))

    def by_external_id(self, rows: QuerySet[Product], _name: str, text: str) -> QuerySet[Product]:
        return rows.filter(_external(text))

    def find(self, rows: QuerySet[Product], _name: str, text: str) -> QuerySet[Product]:
        return rows.filter(_external(text) | Q(sku=text))


def _external(text: str) -> Q:
    """By the id of a source: with the sources named, the unique index serves."""
    return Q(source__in=list(Source.objects.values_list("pk", flat=True)), external_id=text)


class Products(Api):
    """Products, learnt from the shops' webhooks and orders."""

    resource = "products"
    queryset = Product.objects.select_related("source", "category").defer("source__secret")
    serializer_class = ProductOut
    filterset_class = ProductFilters
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Products, newest first."""
        return self.page(self.filter_queryset(self.get_queryset()), ProductOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One product."""
        return Response(ProductOut(row_or_404(self.get_queryset(), pk)).data)
