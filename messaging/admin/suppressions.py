"""Addresses that must not be written to; deleting a row lifts it (semantics §21)."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from messaging.models import Suppression


@admin.register(Suppression)
class SuppressionAdmin(ModelAdmin):
    """Suppressed addresses."""

    list_display = ("address", "channel", "why", "since")
    list_filter = ("channel",)
    search_fields = ("address",)
    search_help_text = _("Address")
    ordering = ("-since",)
    show_full_result_count = False
    fields = ("channel", "address", "why", "since")

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
