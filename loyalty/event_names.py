"""The catalogue of event names that scenarios can listen to (docs/events.md).

Shops may send names of their own beside these; names in `PLATFORM` are said by this platform alone.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FROM_SHOPS: dict[str, Promise] = {
    "cart.updated": _("Cart changed"),
    "cart.cleared": _("Cart emptied"),
    "cart.viewed": _("Cart viewed"),
    "coupon.applied": _("Coupon applied"),
    "checkout.started": _("Checkout started or continued"),
    "order.created": _("Order placed"),
    "order.paid": _("Order paid"),
    "order.updated": _("Order changed"),
    "order.cancelled": _("Order cancelled"),
    "order.refunded": _("Order refunded, wholly or in part"),
    "customer.registered": _("Client registered"),
    "customer.updated": _("Client's profile changed"),
    "client.identified": _("Client recognised on the site"),
    "client.grouped": _("Client joined a group on the site"),
    "product.viewed": _("Product viewed"),
    "category.viewed": _("Category viewed"),
    "search.performed": _("Search on the site"),
    "product.price_changed": _("Product's price changed"),
    "product.published": _("New product"),
    "product.updated": _("Product changed"),
    "review.created": _("Review left"),
    "visit.completed": _("Visit completed"),
    "location.updated": _("Location reported"),
    "page.viewed": _("Page viewed"),
    "screen.viewed": _("App screen viewed"),
}

PLATFORM: dict[str, Promise] = {
    "segment.entered": _("Entered a segment"),
    "segment.left": _("Left a segment"),
    "rfm.changed": _("RFM group changed"),
    "bonus.accrued": _("Bonuses accrued"),
    "bonus.spent": _("Bonuses spent"),
    "bonus.withdrawn": _("Bonuses withdrawn"),
    "bonus.expiring": _("Bonuses burn soon"),
    "bonus.expired": _("Bonuses burnt"),
    "promo.issued": _("Promo code issued"),
    "promo.redeemed": _("Promo code used"),
    "level.changed": _("Level changed"),
    "referral.clicked": _("Referral link followed"),
    "referral.registered": _("Friend registered (for both)"),
    "referral.rewarded": _("Friend's reward (for both)"),
    "quest.progress": _("Progress in a quest"),
    "quest.completed": _("Quest completed"),
    "access.granted": _("Gift or access granted"),
    "access.ended": _("Gift or access ended"),
    "geofence.entered": _("Came near a store"),
    "client.merged": _("Client merged with a guest"),
    "webhook.answered": _("Webhook answered"),
    "survey.answered": _("Survey answered"),
    "profile.filled": _("Profile form filled in"),
    "page.joined": _("Signed up on a landing page"),
    "scenario.stop": _("Taken out of a scenario by another one"),
    "message.delivered": _("Message delivered"),
    "message.opened": _("Message opened"),
    "message.clicked": _("Link in a message clicked"),
    "message.replied": _("Message answered"),
    "message.failed": _("Message not delivered"),
    "message.unsubscribed": _("Unsubscribed"),
    "message.subscribed": _("Subscribed again"),
    "confirmation.requested": _("Asked to confirm an agreement"),
    "confirmation.given": _("Agreement confirmed"),
}

EVENT_NAMES: dict[str, Promise] = FROM_SHOPS | PLATFORM


def event_label(name: str) -> str:
    """The event's name in the current language; a shop's own event is called as the shop calls it."""
    return str(EVENT_NAMES.get(name, name))
