"""An example order: what today's rules make of it, line by line, with the reason of every rule."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from loyalty.admin.base import money
from loyalty.models import AccrualRule, Category, Level, Programme
from loyalty.services import accrual, levels, programme, redemption
from loyalty.services.accrual import LineResult, Rule, Why
from loyalty.services.basket import Item

LINES = range(1, 4)
MOST = Decimal(10) ** 10


class ExampleForm(forms.Form):
    """Up to three lines, who buys, and when."""

    level = forms.ModelChoiceField(
        Level.objects.all(), label=capfirst(_("level")), required=False, widget=UnfoldAdminSelectWidget
    )
    available = forms.DecimalField(
        label=_("Bonuses available"),
        min_value=0,
        max_value=MOST,
        decimal_places=2,
        required=False,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("As many of them are spent as the rules allow."),
    )
    at = forms.DateTimeField(
        label=_("Bought at"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("For example 2026-12-31 18:00, in the programme's time zone. Empty: now."),
    )
    drafts = forms.BooleanField(
        label=_("Count rules that are switched off too"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in LINES:
            self.fields[f"price{number}"] = forms.DecimalField(
                label=t("Price of line %(n)d") % {"n": number},
                min_value=0,
                max_value=MOST,
                decimal_places=2,
                required=False,
                widget=UnfoldAdminDecimalFieldWidget,
            )
            self.fields[f"category{number}"] = forms.ModelChoiceField(
                Category.objects.order_by("name"),
                label=capfirst(t("category")),
                required=False,
                widget=UnfoldAdminSelectWidget,
            )
            self.fields[f"brand{number}"] = forms.CharField(
                label=capfirst(t("brand")), max_length=200, required=False, widget=UnfoldAdminTextInputWidget
            )

    def rows(self) -> list[list[forms.BoundField]]:
        """The fields of each line together."""
        return [[self[f"{name}{number}"] for name in ("price", "category", "brand")] for number in LINES]

    def buyer(self) -> list[forms.BoundField]:
        """The fields about who buys and when."""
        return [self[name] for name in ("level", "available", "at", "drafts")]


def page(request: HttpRequest) -> HttpResponse:
    """The page: asks for an order, and counts it by the rules as they are saved. Changes nothing."""
    if not request.user.has_perm("loyalty.view_programme"):
        raise PermissionDenied
    settings = programme.current()
    first = {"price1": "1000.00", "level": Level.objects.first()}
    form = ExampleForm(request.GET) if "price1" in request.GET else ExampleForm(first | {"level": _pk(first["level"])})
    shown = count(form.cleaned_data, settings, timezone.now()) if form.is_valid() else None
    context = admin.site.each_context(request) | {
        "title": t("Example order"),
        "form": form,
        "shown": shown,
        "opts": Programme._meta,
    }
    return TemplateResponse(request, "loyalty/example.html", context)


def _pk(level: Any) -> Any:
    return level.pk if level else None


def count(data: dict[str, Any], settings: Programme, now: datetime) -> dict[str, Any]:
    """The example as the template shows it."""
    items = _items(data, settings)
    spending, terms = programme.spending(settings), programme.terms(settings)
    rules = AccrualRule.objects.prefetch_related("levels", "categories", "products")
    if not data["drafts"]:
        rules = rules.filter(active=True)
    available = int((data["available"] or Decimal(0)).scaleb(terms.scale))
    limit = redemption.limit(items, available, spending)
    shares = accrual.share_spent(items, [spending.payable(item) for item in items], limit.money)
    level = levels.standing(data["level"]) if data["level"] else None
    found = programme.rules(settings, rules)
    at = data["at"] or now
    result = accrual.compute(items, level, found, shares, at, programme.zone(), terms)
    currency = settings.currency
    return {
        "lines": [
            _line(item, line, paid, settings)
            for item, line, paid in zip(items, result.lines, result.spent, strict=True)
        ],
        "total": money(sum(item.total for item in items), currency),
        "spent": _bonuses(limit.bonuses, settings),
        "spent_money": money(limit.money, currency),
        "bound": limit.bound.label,
        "to_pay": money(sum(item.total for item in items) - limit.money, currency),
        "earned": _bonuses(result.bonuses, settings),
        "rules": bool(found),
    }


def _items(data: dict[str, Any], settings: Programme) -> list[Item]:
    return [
        Item(
            programme.minor(data[f"price{number}"], settings.currency),
            title=t("Line %(n)d") % {"n": number},
            category=_pk(data[f"category{number}"]),
            brand=data[f"brand{number}"],
        )
        for number in LINES
        if data[f"price{number}"]
    ]


def _line(item: Item, line: LineResult, paid: int, settings: Programme) -> dict[str, Any]:
    return {
        "title": item.title,
        "total": money(item.total, settings.currency),
        "spent": money(paid, settings.currency) if paid else "",
        "basis": money(int(line.basis), settings.currency),
        "parts": [(part.rule.name, f"{part.bonuses.quantize(Decimal('0.01')):f}") for part in line.parts],
        "factors": [(rule.name, f"{rule.factor.normalize():f}") for rule in line.factors],
        "refused": [(rule.name, why.label) for rule, why in _told(line.refused)],
        "bonuses": _bonuses(line.bonuses, settings),
    }


def _told(refused: tuple[tuple[Rule, Why], ...]) -> list[tuple[Rule, Why]]:
    return sorted(refused, key=lambda pair: pair[0].name)


def _bonuses(minor: int, settings: Programme) -> str:
    return f"{Decimal(minor).scaleb(-settings.bonus_scale):f}"
