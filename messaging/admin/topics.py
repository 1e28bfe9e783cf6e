"""What messages are about."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from messaging.models import Topic
from messaging.services.rulebook import BUILT_IN


@admin.register(Topic)
class TopicAdmin(ModelAdmin):
    """Topics."""

    list_display = ("name", "slug", "kind", "consent", "confirm", "holding")
    fields = ("name", "slug", "kind", "consent", "confirm")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Consents and messages name it.
        return ("slug",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (obj is None or obj.slug not in BUILT_IN) and super().has_delete_permission(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        super().delete_queryset(request, queryset.exclude(slug__in=BUILT_IN))

    @display(description=_("quiet hours and caps"), label={"exempt": "success", "holds": "info"})
    def holding(self, topic: Topic) -> tuple[str, Any]:
        return ("exempt", _("exempt")) if topic.exempt else ("holds", _("hold it back"))
