"""The demo mailbox: e-mails that stayed here, as their readers would see them."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from loyalty.admin.base import ReadOnlyAdmin
from messaging.models import SinkEmail


@admin.register(SinkEmail)
class SinkEmailAdmin(ReadOnlyAdmin):
    """E-mails of the sink."""

    list_display = ("subject", "recipients", "sender", "received_at")
    ordering = ("-pk",)
    show_full_result_count = False
    list_per_page = 50
    search_fields = ("subject", "recipients")
    search_help_text = _("Subject or recipient")
    fields = ("sender", "recipients", "subject", "received_at", "body")
