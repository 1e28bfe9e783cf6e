"""The demo shop: a pet shop's sources, goods, and the history of as many clients as asked for."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from loyalty.intake.facts import (
    CartFact,
    ConsentFact,
    Fact,
    Line,
    OrderFact,
    Phone,
    ProductFact,
    Profile,
    Who,
)
from loyalty.models import Client, Consent, Event, Order, Source

# slug → kind: the addresses that `send_sample` posts to.
SOURCES = {
    "demo-shop": Source.Kind.SHOP,
    "demo-shopify": Source.Kind.SHOPIFY,
    "demo-woocommerce": Source.Kind.WOOCOMMERCE,
    "demo-segment": Source.Kind.SEGMENT,
}

_GOODS = (
    ("Aquarium", "Aquarium 60 l", 7990),
    ("Aquarium", "External filter", 5490),
    ("Aquarium", "Water test kit", 1290),
    ("Aquarium", "Neon tetra feed", 390),
    ("Cats", "Cat food, salmon, 2 kg", 1490),
    ("Cats", "Clumping litter, 10 l", 790),
    ("Cats", "Scratching post", 2390),
    ("Cats", "Catnip mouse", 190),
    ("Dogs", "Dog food, lamb, 12 kg", 5990),
    ("Dogs", "Leash, 5 m", 1190),
    ("Dogs", "Chew bone", 290),
    ("Dogs", "Raincoat, size M", 2190),
)
_FIRST = ("Anna", "Boris", "Daria", "Elena", "Fyodor", "Galina", "Igor", "Ksenia", "Lev", "Maria", "Nikita", "Olga")
_LAST = ("Aksenov", "Belyaev", "Chernov", "Dyomin", "Egorov", "Filin", "Gromov", "Ilyin", "Kotov", "Lisin")


@dataclass(frozen=True, slots=True)
class Size:
    """How much history to invent, and the seed that makes it the same every time."""

    clients: int = 200
    days: int = 60
    seed: int = 1


def loaded(size: Size) -> bool:
    """Whether history of this seed and at least this size is there."""
    last = f"demo:{size.seed}:{size.clients}:registered"
    return Event.objects.filter(source__slug="demo-shop", external_id=last).exists()


def history(size: Size, now: datetime) -> Iterator[list[Fact]]:
    """The facts of one client after another, the same for the same seed; they end before `now` (UTC)."""
    for number in range(1, size.clients + 1):
        # A generator of its own for every client: the first hundred are the same in every size.
        yield _client(number, size, random.Random(f"{size.seed}:{number}"), now)  # noqa: S311 (no secret)


def _product(number: int) -> ProductFact:
    category, title, price = _GOODS[number]
    return ProductFact(
        external_id=f"demo-{number + 1}",
        sku=f"PET-{number + 1:03d}",
        title=title,
        category=category,
        price=price * 100,
        currency="RUB",
        url=f"https://shop.example/products/{number + 1}",
    )


def _line(chance: random.Random) -> Line:
    product = _product(chance.randrange(len(_GOODS)))
    quantity = chance.choice((1, 1, 1, 2, 3))
    price = product.price or 0
    return Line(product, Decimal(quantity), price, price * quantity)


def _client(number: int, size: Size, chance: random.Random, now: datetime) -> list[Fact]:
    joined = now - timedelta(days=chance.uniform(1, size.days))
    female = chance.random() < 0.6
    # Invented numbers of a range that Russia gives to nobody's mobile phone.
    phone = f"+7000{size.seed % 10}{number:06d}"
    who = Who(
        external_id=f"demo-{size.seed}-{number}",
        email=f"demo{size.seed}.{number}@example.com",
        phone=Phone(phone, phone, Client.PhoneQuality.DOUBTFUL),
    )
    agreed = chance.random() < 0.8
    registered = Fact(
        external_id=f"demo:{size.seed}:{number}:registered",
        name="customer.registered",
        occurred_at=joined,
        who=who,
        profile=Profile(
            first_name=chance.choice(_FIRST),
            last_name=chance.choice(_LAST),
            gender=Client.Gender.FEMALE if female else Client.Gender.MALE,
            birthday=(now - timedelta(days=chance.uniform(18 * 365, 70 * 365))).date(),
            registered_at=joined,
        ),
        consents=tuple(
            ConsentFact(channel, agreed, "demo shop") for channel in (Consent.Channel.EMAIL, Consent.Channel.SMS)
        ),
        triggers=False,
    )
    facts = [registered]
    for visit in range(chance.choice((0, 1, 1, 2, 3, 5))):
        at = joined + (now - joined) * chance.random()
        facts += _visit(f"demo:{size.seed}:{number}:{visit}", who, at, chance)
    return facts


def _visit(key: str, who: Who, at: datetime, chance: random.Random) -> list[Fact]:
    lines = [_line(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
    total = sum(line.total for line in lines)
    viewed = Fact(
        external_id=f"{key}:viewed",
        name="product.viewed",
        occurred_at=at - timedelta(minutes=9),
        who=who,
        payload={"product_id": lines[0].product.external_id, "title": lines[0].product.title},
        triggers=False,
    )
    cart = Fact(
        external_id=f"{key}:cart",
        name="cart.updated",
        occurred_at=at - timedelta(minutes=5),
        who=who,
        payload={"cart_token": key},
        cart=CartFact(key, at - timedelta(minutes=5), lines, currency="RUB"),
        triggers=False,
    )
    if chance.random() < 0.3:
        return [viewed, cart]
    order = Fact(
        external_id=f"{key}:order",
        name="order.created",
        occurred_at=at,
        who=who,
        payload={"order_id": key, "cart_token": key},
        order=OrderFact(
            key, at, Order.Status.PAID, currency="RUB", total=total, lines=lines, ordered_at=at, cart_token=key
        ),
        triggers=False,
    )
    return [viewed, cart, order]
