"""The programme's settings: one row, so its list is its page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from loyalty.admin import example, rules
from loyalty.models import Programme
from loyalty.services import programme


@admin.register(Programme)
class ProgrammeAdmin(ModelAdmin):
    """The programme."""

    fieldsets = (
        (None, {"fields": (("name", "phone_region"), ("currency", "bonus_scale"))}),
        (_("Earning"), {"fields": (("pending_days", "lifetime_days"), "rounding")}),
        (
            _("Spending"),
            {
                "fields": (
                    ("max_share", "spend_min_order"),
                    ("bonus_value", "spend_block"),
                    "unpayable_categories",
                    "unpayable_products",
                    "unpayable_brands",
                )
            },
        ),
        (_("Levels"), {"fields": ("level_measure", ("level_period", "level_days"))}),
        (_("Measuring"), {"fields": (("holdout_share", "attribution_days"), "margin_share")}),
        (_("Messages"), {"fields": (("track_links", "track_opens"), "utm", ("confirm_hours", "confirm_most"))}),
        (_("Keeping"), {"fields": ("log_months",)}),
    )
    autocomplete_fields = ("unpayable_categories", "unpayable_products")
    compressed_fields = False
    change_form_outer_after_template = "loyalty/programme_after.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(example.page)
        return [path("example/", page, name="loyalty_programme_example"), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Programme, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if {"level_measure", "level_period", "level_days"} & set(form.changed_data):
            rules.recompute()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        row = programme.current()
        return HttpResponseRedirect(reverse("admin:loyalty_programme_change", args=[row.pk]))
