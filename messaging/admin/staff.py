"""Where staff are reached: on the page of the user."""

from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline
from unfold.decorators import display

from messaging.models import StaffContact
from messaging.services import staff


class StaffContactInline(StackedInline):
    """Addresses and wishes of one of the staff."""

    model = StaffContact
    fields = (("phone", "telegram"), "connect", "prefers", ("on_reply", "on_problem"))
    readonly_fields = ("connect",)
    extra = 1
    max_num = 1
    can_delete = False
    verbose_name_plural = _("notices")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        self.user_id = obj.pk if obj else 0
        return super().get_formset(request, obj, **kwargs)

    @display(description=_("connect Telegram"))
    def connect(self, contact: StaffContact) -> SafeString | str:
        link = staff.telegram_link(contact.user_id or self.user_id)
        if not link:
            return str(_("There is no Telegram bot yet: Channel accounts."))
        return format_html('<a class="text-link" href="{0}" target="_blank" rel="noopener">{0}</a>', link)
