"""Rules of earning, levels, and the categories that rules name."""

from datetime import date, timedelta
from typing import Any

import django_rq
from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils import formats
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from loyalty.admin.base import ReadOnlyAdmin
from loyalty.models import AccrualRule, ClientLevel, Level, LevelChange

_MONDAY = date(2024, 1, 1)


def _weekdays() -> list[tuple[int, str]]:
    return [(day, formats.date_format(_MONDAY + timedelta(days=day), "l")) for day in range(7)]


class RuleForm(forms.ModelForm):
    """A rule; its weekdays are boxes to tick."""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"),
        choices=_weekdays,
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: every day. In the programme's time zone."),
    )


@admin.register(AccrualRule)
class AccrualRuleAdmin(ModelAdmin):
    """Rules of earning."""

    form = RuleForm
    list_display = ("name", "gives", "exclusive", "priority", "window", "active")
    list_editable = ("active",)
    search_fields = ("name",)
    autocomplete_fields = ("categories", "products")
    filter_horizontal = ("levels",)
    compressed_fields = False
    list_before_template = "loyalty/rules_before.html"
    change_form_outer_after_template = "loyalty/programme_after.html"
    conditional_fields = {
        "percent": "kind == 'percent'",
        "bonuses": "kind == 'steps' || kind == 'fixed'",
        "per": "kind == 'steps'",
        "factor": "kind == 'factor'",
        "pending_days": "kind != 'factor'",
        "lifetime_days": "kind != 'factor'",
    }
    fieldsets = (
        (None, {"fields": (("name", "active"), "kind", "percent", "bonuses", "per", "factor")}),
        (_("Together with other rules"), {"fields": (("exclusive", "priority"),)}),
        (_("For whom and what"), {"fields": ("levels", "categories", "products", "brands", "min_order")}),
        (_("When"), {"fields": (("starts_at", "ends_at"), "weekdays", ("from_time", "to_time"))}),
        (_("Life of the bonuses"), {"fields": (("pending_days", "lifetime_days"),)}),
    )

    @display(description=_("gives"))
    def gives(self, rule: AccrualRule) -> str:
        words = {
            "percent": lambda: f"{rule.percent.normalize():f} %" if rule.percent is not None else "",
            "steps": lambda: _("%(n)s for every %(sum)s") % {"n": rule.bonuses, "sum": rule.per},
            "fixed": lambda: f"+{rule.bonuses}",
            "factor": lambda: f"× {rule.factor.normalize():f}" if rule.factor is not None else "",
        }
        return str(words[rule.kind]()) if rule.kind in words else rule.get_kind_display()

    @display(description=_("validity"))
    def window(self, rule: AccrualRule) -> str:
        if not rule.starts_at and not rule.ends_at:
            return ""
        ends = (rule.starts_at, rule.ends_at)
        return " — ".join(formats.date_format(end, "SHORT_DATE_FORMAT") if end else "…" for end in ends)


def recompute() -> None:
    """Has everybody measured again. A job that is lost with Redis costs until a client's next order or period."""
    job = "loyalty.jobs.recompute_levels"
    transaction.on_commit(lambda: django_rq.get_queue("default").enqueue(job), robust=True)


@admin.register(Level)
class LevelAdmin(ModelAdmin):
    """Levels."""

    list_display = ("name", "threshold", "percent", "clients")
    search_fields = ("name",)
    fields = ("name", ("threshold", "percent"))
    compressed_fields = False

    @display(description=_("clients"))
    def clients(self, level: Level) -> int:
        return ClientLevel.objects.filter(level=level).count()

    def save_model(self, request: HttpRequest, obj: Level, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        recompute()

    def delete_model(self, request: HttpRequest, obj: Level) -> None:
        super().delete_model(request, obj)
        recompute()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A level on which somebody stands stays."""
        empty = obj is None or not ClientLevel.objects.filter(level=obj).exists()
        return empty and super().has_delete_permission(request, obj)


@admin.register(LevelChange)
class LevelChangeAdmin(ReadOnlyAdmin):
    """The history of levels."""

    list_display = ("at", "client", "from_name", "to_name", "why", "measure")
    list_select_related = ("client",)
    list_filter = ("why", "up")
    ordering = ("-pk",)
    show_full_result_count = False
