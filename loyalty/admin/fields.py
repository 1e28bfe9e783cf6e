"""Form fields and widgets for what the whole admin asks: the name of an event, money, a choice with room for more."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin.widgets import get_select2_language
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelect2Widget,
)

from loyalty.event_names import FROM_SHOPS, PLATFORM
from loyalty.money import digits, major
from loyalty.services.programme import current


class _OpenMixin:
    """A searchable select that also takes a value of the user's own: what it holds already is always shown."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        groups = super().optgroups(name, value, attrs)  # type: ignore[misc]
        known = {str(option["value"]) for _name, options, _index in groups for option in options}
        for own in value:
            if own and own not in known:
                option = self.create_option(name, own, own, True, len(groups), attrs=attrs)  # type: ignore[attr-defined]
                groups.append((None, [option], len(groups)))
        return groups


def _media(widget: forms.Widget) -> forms.Media:
    language = get_select2_language()
    words = [f"admin/js/vendor/select2/i18n/{language}.js"] if language else []
    select2 = ["admin/js/vendor/jquery/jquery.min.js", "admin/js/vendor/select2/select2.full.js"]
    css = {"screen": ("admin/css/vendor/select2/select2.css", "admin/css/autocomplete.css")}
    return forms.Media(js=[*select2, *words, "admin/js/jquery.init.js", "unfold/js/select2.init.js"], css=css)


class OpenSelect(_OpenMixin, UnfoldAdminSelect2Widget):
    """One value, listed or the user's own."""

    media = property(_media)


class OpenSelectMultiple(_OpenMixin, UnfoldAdminSelect2MultipleWidget):
    """Any number of values, listed or the user's own."""

    media = property(_media)


def _attrs(hint: Any) -> dict[str, Any]:
    return {"data-tags": "true", "data-placeholder": hint, "data-width": "100%"}


class OpenChoiceField(forms.ChoiceField):
    """A choice that accepts other values too, up to `max_length` characters."""

    def __init__(self, *, max_length: int = 100, hint: Any = "", **kwargs: Any) -> None:
        self.max_length = max_length
        super().__init__(widget=OpenSelect(attrs=_attrs(hint)), **kwargs)

    def valid_value(self, value: str) -> bool:
        return _acceptable(value, self.max_length)


class OpenMultipleChoiceField(forms.MultipleChoiceField):
    """Several choices, other values among them."""

    def __init__(self, *, max_length: int = 100, hint: Any = "", **kwargs: Any) -> None:
        self.max_length = max_length
        super().__init__(widget=OpenSelectMultiple(attrs=_attrs(hint)), **kwargs)

    def valid_value(self, value: str) -> bool:
        return _acceptable(value, self.max_length)


def _acceptable(value: str, max_length: int) -> bool:
    return value == value.strip() and 0 < len(value) <= max_length and value.isprintable()


EVENT_CHOICES = [
    (_("From the shop"), [(name, label) for name, label in FROM_SHOPS.items()]),
    (_("From this platform"), [(name, label) for name, label in PLATFORM.items()]),
]

_HINT = _("Choose, or type the name of the shop's own event")


def event_field(label: Any, **kwargs: Any) -> OpenChoiceField:
    """A field for one event."""
    blank: Iterable[Any] = [("", "")]
    return OpenChoiceField(label=capfirst(label), choices=[*blank, *EVENT_CHOICES], hint=_HINT, **kwargs)


def events_field(label: Any, **kwargs: Any) -> OpenMultipleChoiceField:
    """A field for several events."""
    return OpenMultipleChoiceField(label=capfirst(label), choices=EVENT_CHOICES, hint=_HINT, **kwargs)


class MoneyField(forms.DecimalField):
    """A sum in the programme's currency, typed in major units and stored in minor ones."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminDecimalFieldWidget(), min_value=0, max_value=10**13, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return major(value, current().currency) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        said = super().clean(value)
        if said is None:
            return None
        minor = said.scaleb(digits(current().currency))
        if minor != minor.to_integral_value():
            raise forms.ValidationError(_("More digits after the point than the currency has."))
        return int(minor)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
