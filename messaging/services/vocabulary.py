"""The variables that templates may read, and their fields (semantics §25)."""

from collections.abc import Mapping

# Fields by variable; None: whatever is there, as with the data of an event.
FIELDS: Mapping[str, frozenset[str] | None] = {
    "client": frozenset(
        {"id", "first_name", "last_name", "email", "phone", "language", "zone", "attributes", "unsubscribe_url"}
    ),
    "bonus": frozenset({"available", "pending"}),
    "expiring": frozenset({"amount", "until"}),
    "confirm": frozenset({"url", "until", "topics"}),
    "cart": frozenset({"lines", "total", "currency", "url"}),
    "referral": frozenset({"code", "url", "link"}),
    # Where the client lets us write to them through one channel more.
    "sign_up": frozenset({"telegram", "vk", "webpush"}),
    "entry": None,
    "promo": frozenset({"code", "until", "pool"}),
    "access": frozenset({"code", "url", "until", "name"}),
    "gift": frozenset({"code", "url", "until", "name"}),
    "survey": frozenset({"url", "until", "name"}),
    "profile": frozenset({"url", "until", "name"}),
    "products": None,
    "accrued": frozenset({"amount"}),
    "burning": frozenset({"amount", "date", "until"}),
}
VARIABLES = frozenset(FIELDS)
# The ones that only a step above the message can give, or (burning) a notice.
STEP_VARIABLES = frozenset({"accrued", "promo", "access", "gift", "survey", "profile", "products", "burning"})
