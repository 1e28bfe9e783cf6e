"""The variables that the editor of a message offers (semantics §25)."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Variable(NamedTuple):
    """One button of the palette: what it is called, what it inserts."""

    label: Promise
    code: str


VARIABLES = (
    Variable(_("First name"), '{{ client.first_name | default: "" }}'),
    Variable(_("Last name"), '{{ client.last_name | default: "" }}'),
    Variable(_("E-mail"), '{{ client.email | default: "" }}'),
    Variable(_("Phone"), '{{ client.phone | default: "" }}'),
    Variable(_("Bonuses available"), "{{ bonus.available }}"),
    Variable(_("Bonuses not active yet"), "{{ bonus.pending }}"),
    Variable(_("Promo code"), "{{ promo.code }}"),
    Variable(_("Last day of the promo code"), '{{ promo.until | date: "%d.%m.%Y" }}'),
    Variable(_("Referral link"), "{{ referral.link }}"),
    Variable(_("Cart's sum"), '{{ cart.total | default: "" }} {{ cart.currency | default: "" }}'),
    Variable(_("Link to the cart"), '{{ cart.url | default: "" }}'),
    Variable(
        _("Goods in the cart"), "{% for line in cart.lines %}{{ line.title }} × {{ line.quantity }}\n{% endfor %}"
    ),
)
