"""Landing pages: what they ask, which boxes they show, what follows."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from messaging.admin.fields import topic_field
from scenarios.models import LandingConsent, LandingPage


class ConsentForm(forms.ModelForm):
    """A box in the words that clients read."""

    topic = topic_field(initial="marketing")

    class Meta:
        widgets = {"words": UnfoldAdminTextareaWidget(attrs={"rows": 2})}


class ConsentInline(StackedInline):
    """The boxes, never ticked beforehand; taken off the page, never deleted."""

    model = LandingConsent
    form = ConsentForm
    fields = (("channel", "topic"), "words", ("required", "shown"), "earlier")
    readonly_fields = ("earlier",)
    can_delete = False
    extra = 0

    @display(description=_("all wordings"))
    def earlier(self, box: LandingConsent) -> SafeString | str:
        """Every wording by the name that consents know it by."""
        rows = sorted(box.wordings.items(), key=lambda item: int(item[0]), reverse=True)
        name = box.text_version().rpartition(":")[0] if box.pk else ""
        return (
            format_html_join("", "<p><code>{}:{}</code> {}</p>", ((name, version, words) for version, words in rows))
            or "—"
        )


class LandingForm(forms.ModelForm):
    """What the page says."""

    class Meta:
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("text", "thanks")}


@admin.register(LandingPage)
class LandingPageAdmin(ModelAdmin):
    """Landing pages."""

    form = LandingForm
    inlines = (ConsentInline,)
    list_display = ("name", "shown", "active", "language", "chain", "segment")
    list_select_related = ("chain", "segment")
    search_fields = ("name", "slug", "title")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", ("slug", "language"), "active")}),
        (_("What the page says"), {"fields": ("title", "text", "button", "thanks")}),
        (_("What it asks"), {"fields": (("ask_name", "ask_phone"), ("ask_email", "ask_birthday"), "confirm")}),
        (_("What follows"), {"fields": ("chain", "segment")}),
    )

    @display(description=_("page"))
    def shown(self, page: Any) -> SafeString:
        return format_html('<a href="/join/{0}/" target="_blank" rel="noopener">/join/{0}/</a>', page.slug)

    # What clients agreed to has to stay readable: a page is closed, not deleted.
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Printed on leaflets and in QR codes: an address that changed would lead nowhere.
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"slug": ("name",)}
