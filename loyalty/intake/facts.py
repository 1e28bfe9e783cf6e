"""The vocabulary that every kind of source is normalised to.

An adapter (one file per kind) turns a delivery into `Fact`s and knows nothing of the database;
`loyalty.services.events.record` writes facts and knows nothing of shops.
Times are aware datetimes in UTC, money is integer minor units of an ISO 4217 currency.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any


class Refused(Exception):
    """A delivery or one item of it that cannot be taken: which field, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason

    def inside(self, outer: str) -> "Refused":
        """The same refusal, seen from the object or list that holds the field."""
        inner = self.field if not self.field or self.field.startswith("[") else f".{self.field}"
        return type(self)(f"{outer}{inner}"[:200], self.reason)


@dataclass(slots=True)
class Phone:
    """A phone as given and what could be made of it (`loyalty.models.Client.PhoneQuality`)."""

    given: str
    e164: str
    quality: str


@dataclass(slots=True)
class Who:
    """Every name that a fact carries for its client. All empty: nobody is known.

    `anonymous` are names of somebody not yet known, most specific first, each with its kind as prefix:
    "anon:…" (Segment's anonymousId), "cart:…" (a cart's token).
    """

    external_id: str = ""
    phone: Phone | None = None
    email: str = ""
    anonymous: tuple[str, ...] = ()
    # Segment's alias: another name (external or anonymous) of the same client.
    previous: tuple[str, ...] = ()


@dataclass(slots=True)
class Profile:
    """What a fact says about the client itself; None and empty mean "not said", never "erase"."""

    first_name: str = ""
    last_name: str = ""
    birthday: date | None = None
    gender: str = ""
    zone: str = ""
    language: str = ""
    registered_at: datetime | None = None
    # The home store's code; one that nobody knows is passed over.
    store: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ConsentFact:
    """Consent given or withdrawn for a channel; `evidence` names the field it was read from."""

    channel: str
    granted: bool
    evidence: str
    topic: str = "marketing"
    given_at: datetime | None = None


@dataclass(slots=True)
class ProductFact:
    """A product as a line or a catalogue webhook tells it; empty and None mean "not said".

    `old_price`: what it cost before this piece of news; `regular_price`: what it costs when there is no sale; `stock`:
    pieces left.
    """

    external_id: str
    sku: str = ""
    title: str = ""
    brand: str = ""
    category: str = ""
    category_id: str = ""
    price: int | None = None
    currency: str = ""
    url: str = ""
    image_url: str = ""
    in_stock: bool | None = None
    old_price: int | None = None
    regular_price: int | None = None
    stock: int | None = None


@dataclass(slots=True)
class Line:
    """A line of a cart or an order: `price` per piece and `total` for the line, after discounts."""

    product: ProductFact
    quantity: Decimal
    price: int
    total: int


@dataclass(slots=True)
class CartFact:
    """A cart's state. `lines` None: only its links change. `change`: lines added (+) or removed (−) instead."""

    token: str
    changed_at: datetime
    lines: list[Line] | None = None
    change: Line | None = None
    removed: bool = False
    currency: str = ""
    checkout_url: str = ""


@dataclass(slots=True)
class OrderFact:
    """An order's state. `total`, `lines` None: not said by this delivery (a status change, a refund)."""

    external_id: str
    changed_at: datetime
    status: str = ""
    number: str = ""
    currency: str = ""
    total: int | None = None
    discount: int = 0
    # Money given back by this delivery alone.
    refunded: int = 0
    # Which goods came back with it, where that is told: a product's external id → its value.
    refunded_goods: dict[str, int] = field(default_factory=dict)
    lines: list[Line] | None = None
    ordered_at: datetime | None = None
    cart_token: str = ""


@dataclass(slots=True)
class Fact:
    """One thing that happened, ready to be recorded. `external_id` is unique within its source (semantics §2)."""

    external_id: str
    name: str
    occurred_at: datetime
    who: Who = field(default_factory=Who)
    payload: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] | None = None
    profile: Profile | None = None
    consents: tuple[ConsentFact, ...] = ()
    cart: CartFact | None = None
    order: OrderFact | None = None
    products: tuple[ProductFact, ...] = ()
    # Where the client was: latitude and longitude in degrees.
    location: tuple[float, float] | None = None
    # Imported history triggers nothing unless the importer asked for it (semantics §6).
    triggers: bool = True
    depth: int = 0
