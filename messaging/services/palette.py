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
    Variable(_("Bonuses that burn soon"), "{{ expiring.amount | number }}", "100"),
    Variable(_("Last day of those that burn soon"), '{{ expiring.until | date: "day" }}', "March 20"),
    Variable(_("Referral link"), "{{ referral.url }}", "https://shop.example/ref/ACDEFGHJKM/"),
    Variable(_("Referral code"), "{{ referral.code }}", "ACDEFGHJKM"),
    Variable(
        _("Link to sign up in Telegram"), '{{ sign_up.telegram | default: "" }}', "https://t.me/shop_bot?start=Ag7kq1Yb"
    ),
    Variable(_("Link to sign up in VK"), '{{ sign_up.vk | default: "" }}', "https://vk.me/club1?ref=Ag7kq1Yb"),
    Variable(_("Link to allow web push"), '{{ sign_up.webpush | default: "" }}', "https://shop.example/push/Ag7kq1Yb/"),
    Variable(_("Link to a landing page"), '{{ "address" | join_page }}', "https://shop.example/join/address/"),
    Variable(_("Cart's sum"), "{{ cart.total | money }}", "1 999.99 ₽"),
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
    Variable(_("Last day of the promo code"), '{{ promo.until | default: "" | date: "day" }}', "December 31"),
    Variable(_("Gift"), '{{ gift.name | default: "" }}', "Cup"),
    Variable(_("Gift's code"), '{{ gift.code | default: "" }}', "ACDE-FGHJ-KMNP-QRST"),
    Variable(_("Last day of the gift"), '{{ gift.until | default: "" | date: "day" }}', "December 31"),
    Variable(_("Access code"), '{{ access.code | default: "" }}', "ACDE-FGHJ-KMNP-QRST"),
    Variable(_("Link to the service"), '{{ access.url | default: "" }}', "https://club.example/"),
    Variable(_("Last day of access"), '{{ access.until | default: "" | date: "day" }}', "December 31"),
    Variable(_("Link to the profile form"), '{{ profile.url | default: "" }}', "https://shop.example/profile/…/"),
    Variable(_("Link to the survey"), '{{ survey.url | default: "" }}', "https://shop.example/survey/…/"),
    Variable(
        _("Recommended products"),
        "{% for product in products %}{{ product.title }} — {{ product.price | money: product.currency }}"
        " {{ product.url }}\n{% endfor %}",
        "Green tea — 350 ₽ https://shop.example/tea",
    ),
)
# Of clients who were asked to confirm that they agree and have not answered yet.
OF_CONFIRMING = (
    Variable(_("Link to confirm"), "{{ confirm.url }}", "https://shop.example/c/Ag7kq1Yb"),
    Variable(_("Until when it can be confirmed"), '{{ confirm.until | date: "datetime" }}', "Mar 20, 12:00"),
    Variable(_("What is to be confirmed"), "{{ confirm.topics }}", "News and offers"),
)
# Known in notices of burning alone.
OF_BURNING = (
    Variable(_("Bonuses that burn"), "{{ burning.amount }}", "100"),
    Variable(_("Last day of these bonuses"), '{{ burning.until | date: "day" }}', "March 20"),
)

# Ready pieces: a table in an e-mail, lines in a plain text.
BLOCKS = (
    Variable(_("Block: the cart"), "{% cart %}", "Tea × 2 — 700 ₽ …"),
    Variable(_("Block: recommended products"), "{% products %}", "Green tea — 350 ₽ …"),
    Variable(_("Block: promo code with QR"), "{% promo qr %}", "ACDE-FGHJ-KMNP"),
    Variable(_("Block: promo code with a barcode"), "{% promo barcode %}", "ACDE-FGHJ-KMNP"),
    Variable(_("Block: bonuses"), "{% bonuses %}", "250"),
    Variable(_("Block: referral link"), "{% referral %}", "https://shop.example/ref/ACDEFGHJKM/"),
)

VARIABLES = OF_CLIENT + OF_STEPS + BLOCKS
CONFIRM_VARIABLES = (*OF_CONFIRMING, *OF_CLIENT[:2])
NOTICE_VARIABLES = OF_BURNING + OF_CLIENT
# What may be read in a notice: nothing that a run carries.
NOTICE_NAMES = frozenset({"burning", "client", "bonus", "expiring", "referral", "cart"})
