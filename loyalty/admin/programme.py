"""The programme's settings: one row, so its list is its page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from loyalty.models import Programme
from loyalty.services import programme


@admin.register(Programme)
class ProgrammeAdmin(ModelAdmin):
    """The programme."""

    fields = ("name", "currency", "bonus_scale", "phone_region")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        row = programme.current()
        return HttpResponseRedirect(reverse("admin:loyalty_programme_change", args=[row.pk]))
