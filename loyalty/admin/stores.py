"""Stores: where they are, how far their area reaches, when they are open."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTextInputWidget

from loyalty.models import Store
from loyalty.models.store import WEEKDAYS, valid_hours


def _day(label: Any) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"placeholder": "—"})
    return forms.CharField(label=label, required=False, max_length=100, widget=widget)


def spans(text: str) -> list[list[str]]:
    """“9:00–13:00, 14:00-18:00” as spans. Whether they make sense is the model's to say."""
    return [[clock.strip() for clock in span.replace("—", "-").replace("–", "-").split("-")]
            for span in text.split(",") if span.strip()]  # fmt: skip


def shown(day: list[list[str]]) -> str:
    """A day's spans as staff write them."""
    return ", ".join("–".join(span) for span in day)


class StoreForm(forms.ModelForm):
    """A store; opening hours are one line a weekday."""

    zone = forms.ChoiceField(
        label=capfirst(_("time zone")), required=False, widget=UnfoldAdminSelect2Widget,
        help_text=_("Empty: the programme's. Clients of this store who name none of their own live by it."),
    )  # fmt: skip
    hours_mon = _day(_("Monday"))
    hours_tue = _day(_("Tuesday"))
    hours_wed = _day(_("Wednesday"))
    hours_thu = _day(_("Thursday"))
    hours_fri = _day(_("Friday"))
    hours_sat = _day(_("Saturday"))
    hours_sun = _day(_("Sunday"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(name for name in available_timezones() if "/" in name)
        if "zone" in self.fields:
            self.fields["zone"].choices = [("", _("As the programme's")), *((name, name) for name in zones)]  # type: ignore[attr-defined]
        for day in WEEKDAYS:
            if (name := f"hours_{day}") in self.fields:
                self.fields[name].initial = shown(self.instance.hours.get(day, []))

    def clean(self) -> dict[str, Any] | None:
        data = super().clean()
        hours = {}
        for day in WEEKDAYS:
            given = spans(self.cleaned_data.get(f"hours_{day}") or "")
            try:
                valid_hours({day: given})
            except ValidationError:
                self.add_error(f"hours_{day}", t("Write 09:00–18:00 or 09:00–13:00, 14:00–18:00."))
            if given:
                hours[day] = given
        if not self.errors:
            self.instance.hours = hours
        return data


@admin.register(Store)
class StoreAdmin(ModelAdmin):
    """Stores."""

    form = StoreForm
    list_display = ("name", "slug", "address", "open_now", "radius_m", "at_home")
    search_fields = ("name", "slug", "address")
    list_filter = ("active",)
    prepopulated_fields = {"slug": ("name",)}
    actions = None
    compressed_fields = False
    fieldsets = (
        (None, {"fields": (("name", "slug"), "address", ("latitude", "longitude", "radius_m"), ("zone", "active"))}),
        (
            _("Opening hours"),
            {
                "fields": (
                    ("hours_mon", "hours_tue", "hours_wed", "hours_thu"),
                    ("hours_fri", "hours_sat", "hours_sun"),
                ),
                "description": _(
                    "Empty: closed that day; all empty: not known, always open. 18:00–02:00 ends at night."
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Store]:
        return super().get_queryset(request).annotate(home=Count("clients"))

    # Clients and events name their store: it is closed, not deleted.
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("open now"), boolean=True)
    def open_now(self, store: Store) -> bool:
        return store.is_open(timezone.now())

    @display(description=_("clients whose home it is"))
    def at_home(self, store: Any) -> int:
        return store.home
