"""Random clients with random facts at the edges of windows, and random conditions of every type."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

from django.db import transaction

from loyalty.models import (
    Category,
    Client,
    ClientLevel,
    ClientLocation,
    Consent,
    Event,
    Level,
    Order,
    OrderLine,
    Product,
    PromoPool,
    Referral,
    Store,
)
from loyalty.services import ledger, promo
from messaging.models import Message
from segments import conditions as c
from segments.models import Condition, Group, RfmScore, Segment
from segments.rfm import RfmBand, RfmGroup
from segments.services import membership
from tests import builders as b
from tests.builders import NOW

_numbers = count(1)

DAYS = (1, 2, 7, 30)
EVENTS = ("order.created", "product.viewed", "category.viewed", "cart.updated", "message.opened", "custom")
GOODS = ("P-1", "P-2", "Aquarium", "Dogs", "Hill", "nothing")
VALUES = ("", "a", "A", "1", "1.50", "true", "2026-03-09", "[]", "%", 'a"b')


@contextmanager
def base(random: Random, number: int = 4) -> Iterator[list[Client]]:
    """Random clients with random facts, gone again at the end."""
    with transaction.atomic():
        yield people(random, number)
        transaction.set_rollback(True)


def moment(random: Random) -> Any:
    """A time before now that is likely to lie on the edge of a window, or near it."""
    edge = timedelta(days=random.choice((0, *DAYS)), hours=random.choice((0, 0, 1, 6, 12)))
    return NOW - edge + timedelta(microseconds=random.choice((0, 0, 1, -1)) if edge else 0)


def json_value(random: Random) -> Any:
    """A value of any type."""
    return random.choice((None, True, False, 0, 1, 1.5, "1.50", "a", "", [], ["a", 1], {"a": 1}, "2026-03-09T01:00Z"))


def payload(random: Random) -> dict[str, Any]:
    """What an event says, sense and nonsense."""
    line = {"product_id": random.choice(GOODS), "brand": random.choice(GOODS), "category": random.choice(GOODS)}
    said = {
        "cart_token": random.choice(("", "K-1", "K-2")),
        "lines": random.choice(([line], [line, {}], "junk", None)),
        "channel": random.choice(("email", "sms")),
        "total": json_value(random),
        "change": random.choice(("added", "removed")),
    } | line
    return {name: value for name, value in said.items() if random.random() < 0.7}


def people(random: Random, number: int) -> list[Client]:
    """Clients with facts of every kind, all of them known at their own time, before now."""
    shop = b.source()
    kinds = [Category.objects.create(source=shop, external_id=f"c{n}", name=n) for n in ("Aquarium", "Dogs")]
    goods = [
        Product.objects.create(source=shop, external_id=f"P-{n}", category=kind, brand="Hill", updated_at=NOW)
        for n, kind in enumerate(kinds, 1)
    ]
    stores = [
        Store.objects.create(
            name=f"S{n}", slug=f"s{n}-{next(_numbers)}", latitude=n, longitude=n, active=n < 2, zone=zone
        )
        for n, zone in enumerate(("Asia/Tokyo", "", "America/Lima"))
    ]
    levels = [b.level(f"L{n}", n * 100) for n in range(random.choice((2, 3)))]
    segments = [b.segment(f"g{next(_numbers)}") for _ in range(2)]
    pools = [b.promo_pool(number, days_after_issue=random.choice((None, 5, 6, 7))) for _ in range(2)]
    made = []
    for _ in range(number):
        person = b.client(
            consent=False,
            birthday=random.choice((None, date(1990, 3, 9), date(1990, 3, 11), date(1992, 2, 29), date(1980, 3, 17))),
            zone=random.choice(("", "Pacific/Auckland", "America/Lima", "No/Such")),
            store=random.choice((None, *stores)),
            registered_at=random.choice((None, moment(random))),
            gender=random.choice(("", "f", "m")),
            attributes={"x": json_value(random)} if random.random() < 0.8 else {},
        )
        made.append(person)
        _events(random, shop, person)
        _orders(random, shop, person, goods)
        _bonuses(random, person)
        # What no window looks at is stored when it happens, before anybody looks.
        words = [(moment(random) - timedelta(days=5), random.random() < 0.5) for _ in range(random.randrange(3))]
        Consent.objects.bulk_create(
            Consent(client=person, channel="email", granted=granted, source=shop, given_at=at)
            for at, granted in dict(words).items()
        )
        for _ in range(random.choice((0, 1, 2))):
            at = moment(random)
            Message.objects.create(
                client=person, channel=random.choice(("email", "sms")), topic="marketing", status="accepted",
                key=f"m{next(_numbers)}", created_at=at, due_at=at, sent_at=at, test=random.random() < 0.2,
            )  # fmt: skip
        if random.random() < 0.6:
            where = {"latitude": random.choice((0, 0.01, 1)), "longitude": random.choice((0, 0.01, 1))}
            ClientLocation.objects.create(client=person, located_at=moment(random), **where)
        if random.random() < 0.6:
            ClientLevel.objects.create(client=person, level=random.choice((None, *levels)), since=NOW)
        if random.random() < 0.7:
            r, f, m = (random.randint(1, 5) for _ in "rfm")
            RfmScore.objects.create(client=person, r=r, f=f, m=m, last_at=NOW, frequency=1, monetary=1, since=NOW)
        if random.random() < 0.5:
            membership.add(random.choice(segments).pk, {person.pk: 0}, NOW - timedelta(days=60))
        for pool in pools:
            if random.random() < 0.5:
                code = promo.issue_many(
                    pool.pk, [(person.pk, f"i{next(_numbers)}")], moment(random) - timedelta(days=5)
                )
                if random.random() < 0.4 and (text := next(iter(code.values()))):
                    _use(text, person)
    _friends(random, made)
    return made


def _events(random: Random, shop: Any, person: Client) -> None:
    Event.objects.bulk_create(
        Event(
            source=shop, external_id=f"x{next(_numbers)}", name=random.choice(EVENTS), client=person,
            occurred_at=(at := moment(random)), received_at=at, payload=payload(random),
        )
        for _ in range(random.randrange(6))
    )  # fmt: skip


def _orders(random: Random, shop: Any, person: Client, goods: list[Product]) -> None:
    made = Order.objects.bulk_create(
        Order(
            source=shop,
            external_id=f"x{next(_numbers)}",
            client=person,
            currency=random.choice(("RUB", "RUB", "USD")),
            status=random.choice(("paid", "paid", "paid", "part_refunded", "created", "cancelled", "refunded")),
            total=random.choice((0, 100, 1_000_00)),
            discount=random.choice((0, 0, 5)),
            refunded=random.choice((0, 100)),
            refunded_goods=random.choice(({}, {"P-1": 50})),
            ordered_at=(at := moment(random)),
            changed_at=at,
        )
        for _ in range(random.choice((0, 1, 1, 3, 4)))
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            position=place,
            product=random.choice((None, *goods)),
            quantity=1,
            price=50,
            total=random.choice((0, 50)),
        )
        for order in made
        for place in range(random.randrange(3))
    )


def _bonuses(random: Random, person: Client) -> None:
    for _ in range(random.randrange(3)):
        active = NOW + timedelta(days=random.choice((-30, -1, 0, 1)))
        expires = random.choice((None, NOW + timedelta(days=random.choice((0, *DAYS)))))
        if expires is not None and expires <= active:
            expires = active + timedelta(hours=1)
        grant = ledger.Grant(person.pk, random.choice((1, 50, 100)), f"g{next(_numbers)}", active, expires)
        ledger.accrue("test", grant, NOW - timedelta(days=31))
    available = ledger.balance(person.pk, NOW - timedelta(days=7)).available
    if available and random.random() < 0.5:
        deadline = NOW + timedelta(hours=random.choice((-5, 0, 5)))
        ledger.hold("test", person.pk, available, f"h{next(_numbers)}", deadline, NOW - timedelta(days=7))


def _use(code: str, person: Client) -> None:
    try:
        promo.redeem(code, person.pk, "", f"r{next(_numbers)}", NOW - timedelta(hours=6))
    except promo.PromoRefused:
        pass  # ended by then


def _friends(random: Random, made: list[Client]) -> None:
    for friend in made[1:]:
        if random.random() < 0.5:
            Referral.objects.create(
                referrer=made[0], referee=friend, code="x", registered_at=NOW - timedelta(days=60),
                state=random.choice(("registered", "refused", "rewarded")),
            )  # fmt: skip


def something_happens(random: Random, made: list[Client], since: datetime) -> set[int]:
    """Gives some of the clients new facts between that moment and now; returns their ids."""
    shop = b.source()
    about = random.sample(made, random.randrange(len(made)))
    for person in about:
        at = random.choice((since, NOW, since + (NOW - since) / 2))
        Event.objects.create(
            source=shop, external_id=f"x{next(_numbers)}", name=random.choice(EVENTS), client=person, occurred_at=at,
            received_at=at, payload=payload(random),
        )  # fmt: skip
        Order.objects.create(
            source=shop, external_id=f"x{next(_numbers)}", client=person, currency="RUB", status="paid", total=1_000_00,
            ordered_at=at, changed_at=at,
        )  # fmt: skip
        ledger.accrue("test", ledger.Grant(person.pk, 50, f"g{next(_numbers)}", at), at)
        person.attributes, person.gender = {"x": json_value(random)}, "f"
        person.save(update_fields=["attributes", "gender"])
    return {person.pk for person in about}


def _counted(random: Random) -> dict[str, Any]:
    bound = random.choice(("at_least", "at_most"))
    return {"bound": bound, "count": random.randrange(3), "days": random.choice((None, *DAYS))}


def _measured(random: Random, amounts: tuple[Any, ...]) -> dict[str, Any]:
    low, high = sorted(Decimal(random.choice(amounts)) for _ in range(2))
    bound = random.choice(("at_least", "at_most", "between"))
    return {"bound": bound, "amount": low, "amount_to": high if bound == "between" else None}


def _comparison(random: Random) -> dict[str, Any]:
    operator = random.choice([*c.AttributeCondition.Operator])
    typed = {
        "greater": "1",
        "less": "1.5",
        "at_least": "1",
        "at_most": "0",
        "before": "2026-03-10",
        "since": "2026-03-09",
    }
    return {"operator": operator, "value": typed.get(operator) or random.choice(VALUES[1:])}


def _attribute(random: Random) -> dict[str, Any]:
    if random.random() < 0.5:
        return {"attribute": random.choice(("attributes.x", "attributes.y"))} | _comparison(random)
    return random.choice(
        (
            {"attribute": "gender", "operator": "differs", "value": "F"},
            {"attribute": "email", "operator": "contains", "value": "@"},
            {"attribute": "birthday", "operator": "since", "value": "1990-03-10"},
            {"attribute": "birthday", "operator": "empty"},
        )
    )


def _orders_condition(random: Random) -> dict[str, Any]:
    measure = random.choice([*c.OrdersCondition.Measure])
    amounts = DAYS if measure in ("first", "last") else (0, 1, 2, 1000)
    return {"measure": measure, "days": random.choice((None, *DAYS))} | _measured(random, amounts)


def _birthday(random: Random) -> dict[str, Any]:
    first, last = sorted(random.choice((-182, -12, -1, 0, 1, 7, 182)) for _ in range(2))
    return {"first": first, "last": last}


def _registration(random: Random) -> dict[str, Any]:
    low, high = sorted(random.choice(DAYS) for _ in range(2))
    return {"at_least": random.choice((None, low)), "at_most": high}


def _local_time(random: Random) -> dict[str, Any]:
    since, until = random.sample([time(0), time(7), time(12), time(15), time(23, 59)], 2)
    return {"weekdays": random.choice(([], [1], [0, 2])), "since": since, "until": until}


# What a condition of every type may say.
SAYS: dict[type[Condition], Callable[[Random], dict[str, Any]]] = {
    c.AttributeCondition: _attribute,
    c.ProfileFilledCondition: lambda r: {"names": ["email", "attributes.x"], "negated": r.random() < 0.5},
    c.BirthdayCondition: _birthday,
    c.NearDateCondition: lambda r: {"attribute": r.choice(("attributes.x", "attributes.y"))} | _birthday(r),
    c.RegistrationCondition: _registration,
    c.ConsentCondition: lambda r: {"channel": r.choice(("email", "sms")), "negated": r.random() < 0.5},
    c.NearStoreCondition: lambda r: {
        "store": r.choice((None, *Store.objects.order_by("pk"))),
        "kilometres": Decimal(r.choice((1, 2, 500))),
        "days": r.choice((None, *DAYS)),
    },
    c.OrdersCondition: _orders_condition,
    c.OverdueCondition: lambda r: {
        "factor": Decimal(r.choice(("0.5", "1", "2"))),
        "floor": r.choice((0, 1, 7)),
        "least": r.choice((2, 3)),
        "otherwise": r.choice((None, 1, 7)),
    },
    c.GoodsCondition: lambda r: (
        {
            "deed": r.choice(("bought", "viewed", "carted")),
            "kind": r.choice(("product", "category", "brand", "promo")),
            "value": r.choice(GOODS),
        }
        | _counted(r)
    ),
    c.DiscountShareCondition: lambda r: {
        "bound": r.choice(("at_least", "at_most")),
        "percent": Decimal(r.choice((0, 50, 100))),
        "least": r.choice((1, 2)),
        "days": r.choice((None, *DAYS)),
    },
    c.LevelCondition: lambda r: {
        "level": r.choice([*Level.objects.order_by("pk")]),
        "bound": r.choice(("is", "at_least", "at_most")),
    },
    c.BalanceCondition: lambda r: _measured(r, (0, 1, 50, 100)),
    c.ExpiringBonusesCondition: lambda r: {"amount": Decimal(r.choice((1, 50))), "days": r.choice(DAYS)},
    c.PromoCodeCondition: lambda r: {
        "state": r.choice(("unused", "expiring", "used")),
        "pool": r.choice((None, *PromoPool.objects.order_by("pk"))),
        "days": r.choice(DAYS),
        "negated": r.random() < 0.5,
    },
    c.EventCountCondition: lambda r: (
        {"event_name": r.choice(EVENTS)}
        | _counted(r)
        | r.choice(({}, {"path": r.choice(("total", "lines.brand", "lines"))} | _comparison(r)))
    ),
    c.EngagementCondition: lambda r: (
        {"channel": r.choice(("", "email")), "deed": r.choice(("opened", "sent"))} | _counted(r)
    ),
    c.ReferralCondition: lambda r: {
        "role": r.choice(("referee", "referrer", "buyers")),
        "count": r.choice((1, 2)),
        "negated": r.random() < 0.5,
    },
    c.InSegment: lambda r: {
        "segment": r.choice([*Segment.objects.order_by("pk")]),
        "negated": r.random() < 0.5,
    },
    c.LocalTimeCondition: _local_time,
    c.RfmCondition: lambda r: {
        "what": r.choice(("groups", "bands", "scores", "none")),
        "groups": r.sample(RfmGroup.values, 3),
        "bands": r.sample(RfmBand.values, 1),
        "r_from": r.randint(1, 3),
        "m_to": r.randint(3, 5),
    },
}


def condition(random: Random, kind: type[Condition]) -> Condition:
    """A condition of a type that may be saved."""
    made = kind(**SAYS[kind](random))
    made.clean()
    return made


def tree(random: Random, depth: int = 3) -> Group:
    """Nested groups of conditions of any type, some of them empty."""
    group = Group(mode=random.choice(("all", "any", "none")))
    group.attached_members = [
        tree(random, depth - 1) if depth and random.random() < 0.3 else condition(random, random.choice([*SAYS]))
        for _ in range(random.randrange(4))
    ]
    return group
