"""`products/`: what the shops sell (contract §3)."""

import django_filters
from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import Row
from loyalty.api.filters import Filters
from loyalty.api.lookup import row_or_404
from loyalty.api.views import Api
from loyalty.models import Product, Source
from loyalty.money import major


class ProductOut(Row):
    """A product. `price` is decimal text of `currency`, null where nobody told it."""

    source = serializers.CharField(source="source.slug", read_only=True)
    price = serializers.SerializerMethodField()
    category = serializers.CharField(source="category.name", default="", read_only=True)

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
            "price",
            "currency",
            "url",
            "image_url",
            "in_stock",
            "updated_at",
        )

    def get_price(self, product: Product) -> str | None:
        return None if product.price is None else f"{major(product.price, product.currency):f}"


class ProductFilters(Filters):
    """Of products."""

    search = django_filters.CharFilter(method="find", help_text="External id or SKU.")
    external_id = django_filters.CharFilter(method="by_external_id")
    sku = django_filters.CharFilter()
    source = django_filters.CharFilter("source__slug")
    in_stock = django_filters.BooleanFilter()

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
