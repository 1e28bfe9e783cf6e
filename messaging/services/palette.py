"""The variables that the editor of a message offers (semantics §25)."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Variable(NamedTuple):
    """One button of the palette: what it is called, what it inserts, and what that says for somebody.

    What may be missing is inserted with a default: a text that lacks a value is not sent.
    """

    label: Promise
    code: str
    example: str


# Known of every client at any time.
OF_CLIENT = (
    Variable(_("First name"), '{{ client.first_name | default: "" }}', "Anna"),
    Variable(_("Last name"), '{{ client.last_name | default: "" }}', "Petrova"),
    Variable(_("E-mail"), '{{ client.email | default: "" }}', "anna@example.com"),
    Variable(_("Phone"), '{{ client.phone | default: "" }}', "+79991234567"),
    Variable(_("Bonuses available"), "{{ bonus.available }}", "250"),
    Variable(_("Bonuses not active yet"), "{{ bonus.pending }}", "40"),
    Variable(_("Referral link"), "{{ referral.url }}", "https://shop.example/ref/ACDEFGHJKM/"),
    Variable(_("Referral code"), "{{ referral.code }}", "ACDEFGHJKM"),
    Variable(_("Cart's sum"), '{{ cart.total | default: "" }} {{ cart.currency | default: "" }}', "1999.99 RUB"),
    Variable(_("Link to the cart"), '{{ cart.url | default: "" }}', "https://shop.example/cart/1"),
    Variable(
        _("Link to unsubscribe and choose topics"), "{{ client.unsubscribe_url }}", "https://shop.example/u/Ag7kq1Yb"
    ),
    Variable(
        _("Goods in the cart"),
        "{% for line in cart.lines %}{{ line.title }} × {{ line.quantity }}\n{% endfor %}",
        "Tea × 2",
    ),
)
# Given by a step above the message.
OF_STEPS = (
    Variable(_("Promo code"), '{{ promo.code | default: "" }}', "ACDE-FGHJ-KMNP"),
    Variable(_("Last day of the promo code"), '{{ promo.until | default: "" | date: "%d.%m.%Y" }}', "31.12.2026"),
    Variable(_("Gift"), '{{ gift.name | default: "" }}', "Cup"),
    Variable(_("Gift's code"), '{{ gift.code | default: "" }}', "ACDE-FGHJ-KMNP-QRST"),
    Variable(_("Last day of the gift"), '{{ gift.until | default: "" | date: "%d.%m.%Y" }}', "31.12.2026"),
    Variable(_("Access code"), '{{ access.code | default: "" }}', "ACDE-FGHJ-KMNP-QRST"),
    Variable(_("Link to the service"), '{{ access.url | default: "" }}', "https://club.example/"),
    Variable(_("Last day of access"), '{{ access.until | default: "" | date: "%d.%m.%Y" }}', "31.12.2026"),
    Variable(_("Link to the survey"), '{{ survey.url | default: "" }}', "https://shop.example/survey/…/"),
    Variable(
        _("Recommended products"),
        "{% for product in products %}{{ product.title }} — {{ product.price }} {{ product.currency }}"
        " {{ product.url }}\n{% endfor %}",
        "Green tea — 350.00 RUB https://shop.example/tea",
    ),
)
# Known in notices of burning alone.
OF_BURNING = (
    Variable(_("Bonuses that burn"), "{{ burning.amount }}", "100"),
    Variable(_("Last day of these bonuses"), '{{ burning.until | date: "%d.%m.%Y" }}', "20.03.2026"),
)

VARIABLES = OF_CLIENT + OF_STEPS
NOTICE_VARIABLES = OF_BURNING + OF_CLIENT
# What may be read in a notice: nothing that a run carries.
NOTICE_NAMES = frozenset({"burning", "client", "bonus", "referral", "cart"})
