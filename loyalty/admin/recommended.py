"""A client's page of what would be recommended, kind by kind: what a message would show now."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as t

from loyalty.admin.base import link, money
from loyalty.models import Client, Product, Recommendation
from loyalty.services.recommendations import Pick, recommend

SHOWN = 5


def page(request: HttpRequest, client_id: int) -> HttpResponse:
    """The page. Changes nothing."""
    if not (request.user.has_perm("loyalty.view_client") and request.user.has_perm("loyalty.view_product")):
        raise PermissionDenied
    client = get_object_or_404(Client, pk=client_id)
    now = timezone.now()
    found = [(kind, recommend([client.pk], kind, SHOWN, now).get(client.pk, [])) for kind in Recommendation]
    products = Product.objects.in_bulk({pick.product for _kind, picks in found for pick in picks})
    context = admin.site.each_context(request) | {
        "title": t("What we would recommend to %(client)s") % {"client": client},
        "kinds": [
            {"name": kind.label, "rows": [_row(pick, kind, products) for pick in picks]} for kind, picks in found
        ],
        "client": client,
        "opts": Client._meta,
    }
    return TemplateResponse(request, "loyalty/recommended.html", context)


def _row(pick: Pick, kind: Recommendation, products: dict[int, Product]) -> dict[str, Any]:
    product = products[pick.product]
    return {
        "product": link(product),
        "price": money(product.price, product.currency),
        "instead": "" if pick.kind == kind or kind == Recommendation.PERSONAL else pick.kind.label,
    }
