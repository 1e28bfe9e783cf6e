"""Forms that open in a drawer: an own native form without a list, a page or a permission of its own."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin


class DrawerAdmin(ModelAdmin):
    """The form of a part of something larger. Who may change the whole may change the part; deleting is the whole's,
    which asks first, and so is the history."""

    change_form_template = "segments/drawer_form.html"
    popup_response_template = "segments/drawer_saved.html"
    compressed_fields = False
    warn_unsaved_form = False

    class Media:
        js = ("segments/drawer_form.js",)
        css = {"all": ("segments/drawer.css",)}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The history is the whole's."""

    log_change = log_addition
