"""Plain functions that build what tests need; nothing here asserts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from loyalty.intake.facts import ConsentFact, Fact, Line, OrderFact, Phone, ProductFact, Who
from loyalty.models import AccrualRule, Category, Client, Consent, Identity, Level, Programme, PromoPool, Source
from loyalty.services import promo
from loyalty.services.events import record
from loyalty.services.programme import current
from scenarios.models import (
    AbsenceTrigger,
    AccrueBonuses,
    AddToSegment,
    Branch,
    EventTrigger,
    Fork,
    IssuePromoCode,
    Scenario,
    SendMessage,
    Split,
    Step,
    Wait,
    WaitForEvent,
)
from scenarios.services.publish import publish
from segments.models import Condition, EventCountCondition, Group, Segment
from segments.services import definition

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

_numbers = count(1)


def source(kind: str = Source.Kind.SHOP, **values: Any) -> Source:
    """A source of events."""
    slug = values.pop("slug", f"source-{next(_numbers)}")
    return Source.objects.create(kind=kind, slug=slug, **values)


def client(consent: bool = True, **values: Any) -> Client:
    """A client with an e-mail and a phone, who agreed to marketing unless told otherwise."""
    number = next(_numbers)
    values = {
        "email": f"client{number}@example.com",
        "phone": f"+7999{number:07d}",
        "first_name": "Anna",
        "created_at": NOW - timedelta(days=30),
    } | values
    made = Client.objects.create(**values)
    if consent:
        agree(made)
    return made


def clients(number: int, consent: bool = True) -> list[Client]:
    """Many clients, quickly."""
    first = next(_numbers) * 100_000
    made = Client.objects.bulk_create(
        Client(
            email=f"c{first + i}@example.com",
            phone=f"+79{first + i:09d}",
            first_name=f"Client {i}",
            created_at=NOW - timedelta(days=30),
        )
        for i in range(number)
    )
    if consent:
        agree(*made)
    return made


def agree(*who: Client, channels: tuple[str, ...] = ("email", "sms"), granted: bool = True) -> None:
    """Marketing consent (or its withdrawal) of clients."""
    origin, _ = Source.objects.get_or_create(slug="consents", defaults={"kind": Source.Kind.SHOP})
    Consent.objects.bulk_create(
        Consent(client=person, channel=channel, granted=granted, source=origin, given_at=NOW - timedelta(days=20))
        for person in who
        for channel in channels
    )


def happened(
    origin: Source,
    name: str,
    at: datetime = NOW,
    who: Who | None = None,
    about: Client | None = None,
    **values: Any,
) -> Fact:
    """A fact, not yet recorded."""
    if about is not None:
        phone = Phone(about.phone, about.phone, "valid") if about.phone else None
        who = Who(email=about.email, phone=phone)
    external_id = values.pop("external_id", f"e{next(_numbers)}")
    return Fact(external_id=external_id, name=name, occurred_at=at, who=who or Who(), **values)


def record_event(
    origin: Source, name: str, about: Client, at: datetime = NOW, now: datetime | None = None, **values: Any
) -> int:
    """Records one event of a client that `identify` made known; returns its id."""
    identify(origin, about)
    return record(origin, [happened(origin, name, at, about=about, **values)], now or at)[0].event_id


def order(
    origin: Source,
    about: Client,
    at: datetime = NOW,
    total: int = 1000_00,
    status: str = "paid",
    goods: Sequence[ProductFact] = (),
    **values: Any,
) -> int:
    """Records an order that was placed, or paid, at `at`, with one piece of each of the goods; its event's id."""
    number = f"order-{next(_numbers)}"
    lines = [Line(product, Decimal(1), total // len(goods), total // len(goods)) for product in goods]
    news = OrderFact(number, at, status, currency="RUB", total=total, lines=lines or None, ordered_at=at)
    name = "order.paid" if status == "paid" else "order.created"
    return record_event(origin, name, about, at, order=news, payload={"order_id": number} | values)


def identify(origin: Source, *who: Client) -> None:
    """Makes clients known by their e-mail and phone."""
    from_rows = [
        (kind, value, person.pk)
        for person in who
        for kind, value in (("email", person.email), ("phone", person.phone))
        if value
    ]
    Identity.objects.bulk_create(
        [Identity(kind=kind, scope="", value=value, client_id=pk) for kind, value, pk in from_rows],
        ignore_conflicts=True,
    )


def consent_fact(channel: str = "email", granted: bool = True) -> ConsentFact:
    """Consent as a shop passes it on."""
    return ConsentFact(channel=channel, granted=granted, evidence="test")


def segment(slug: str = "") -> Segment:
    """A segment."""
    slug = slug or f"segment-{next(_numbers)}"
    return Segment.objects.create(name=slug, slug=slug)


def conditions(*members: Condition, mode: str = "all") -> Group:
    """A group of conditions, not saved."""
    group = Group(mode=mode)
    group.attached_members = list(members)
    return group


def dynamic_segment(*members: Condition, slug: str = "", now: datetime = NOW, triggers: bool = False) -> Segment:
    """A dynamic segment whose conditions must all hold; not computed yet."""
    slug = slug or f"segment-{next(_numbers)}"
    return definition.define(Segment(name=slug, slug=slug), conditions(*members), now, triggers=triggers)


def scenario(trigger: dict[str, Any] | None = None, **values: Any) -> Scenario:
    """A draft with its trunk and an event trigger (`trigger`: its columns; `absent_events` makes it an absence)."""
    made = Scenario.objects.create(name=values.pop("name", f"Scenario {next(_numbers)}"), **values)
    Branch.objects.create(scenario=made)
    columns = trigger if trigger is not None else {"event_name": "order.created"}
    (AbsenceTrigger if "absent_events" in columns else EventTrigger).objects.create(scenario=made, **columns)
    return made


def trunk(of: Scenario) -> Branch:
    """The trunk of a scenario."""
    return Branch.objects.get(scenario=of, fork=None)


def add(cls: type[Step], branch: Branch, **values: Any) -> Any:
    """A step at the end of a branch."""
    return cls.objects.create(branch=branch, position=branch.steps.count(), **values)


def email(branch: Branch, **values: Any) -> SendMessage:
    """An e-mail step."""
    return add(SendMessage, branch, **{"channel": "email", "subject": "Hello", "body": "Hi"} | values)


def sms(branch: Branch, **values: Any) -> SendMessage:
    """An SMS step."""
    return add(SendMessage, branch, **{"channel": "sms", "body": "Hi"} | values)


def wait(branch: Branch, amount: int = 1, unit: str = "hours", **values: Any) -> Wait:
    """A wait step."""
    return add(Wait, branch, amount=amount, unit=unit, **values)


def wait_for(branch: Branch, event_name: str, **values: Any) -> tuple[WaitForEvent, Branch, Branch]:
    """A wait for an event; returns the step and its branches: happened, timed out."""
    made = add(WaitForEvent, branch, event_name=event_name, **values)
    happened = Branch.objects.create(scenario=branch.scenario, fork=made, position=0)
    return made, happened, Branch.objects.create(scenario=branch.scenario, fork=made, position=1, is_default=True)


def accrue(branch: Branch, amount: int = 300, lifetime_days: int | None = 30) -> AccrueBonuses:
    """An accrual step."""
    return add(AccrueBonuses, branch, amount=amount, lifetime_days=lifetime_days)


def join(branch: Branch, to: Segment) -> AddToSegment:
    """A step into a segment."""
    return add(AddToSegment, branch, segment=to)


def split(branch: Branch, *weights: int, **values: Any) -> tuple[Split, list[Branch]]:
    """A split and its branches with these shares."""
    made = add(Split, branch, **values)
    return made, [
        Branch.objects.create(scenario=branch.scenario, fork=made, position=place, weight=weight, label=chr(65 + place))
        for place, weight in enumerate(weights)
    ]


def chain(**values: Any) -> Scenario:
    """A draft of a chain, with its trunk."""
    made = Scenario.objects.create(kind="chain", name=f"Chain {next(_numbers)}", **values)
    Branch.objects.create(scenario=made)
    return made


def promo_pool(codes: int = 0, **values: Any) -> PromoPool:
    """A pool that gives 10 %, with so many generated codes in it."""
    name = f"pool-{next(_numbers)}"
    pool = PromoPool.objects.create(**{"name": name, "slug": name, "percent": 10} | values)
    if codes:
        promo.order(pool, codes, NOW)
        while promo.fill_next(NOW):
            pass
    return pool


def issue_promo(branch: Branch, pool: PromoPool, **values: Any) -> IssuePromoCode:
    """A step that issues a code."""
    return add(IssuePromoCode, branch, pool=pool, **values)


def fork(branch: Branch, **condition: Any) -> tuple[Fork, Branch, Branch]:
    """A fork with one branch on an event count and the default one; returns the fork and both branches."""
    made = add(Fork, branch, label="If")
    group = Group.objects.create()
    EventCountCondition.objects.create(parent=group, **{"event_name": "order.created", "count": 1} | condition)
    yes = Branch.objects.create(scenario=branch.scenario, fork=made, position=0, label="Yes", conditions=group)
    no = Branch.objects.create(scenario=branch.scenario, fork=made, position=1, is_default=True)
    return made, yes, no


def live(draft: Scenario, now: datetime = NOW) -> Scenario:
    """The scenario, published."""
    publish(draft, None, now)
    return draft


def programme(**values: Any) -> Programme:
    """The programme with some of its settings changed."""
    row = current()
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    return row


def rule(**values: Any) -> AccrualRule:
    """A rule of earning; `categories`: names of known categories."""
    names = values.pop("categories", [])
    made = AccrualRule.objects.create(**{"name": f"Rule {next(_numbers)}"} | values)
    made.categories.set(Category.objects.filter(name__in=names))
    return made


def percent_rule(percent: Any, **values: Any) -> AccrualRule:
    """A rule that gives a percent."""
    return rule(kind=AccrualRule.Kind.PERCENT, percent=percent, **values)


def factor_rule(factor: Any, **values: Any) -> AccrualRule:
    """A multiplier."""
    return rule(kind=AccrualRule.Kind.FACTOR, factor=factor, **values)


def level(name: str, threshold: Any, percent: Any = 0) -> Level:
    """A level."""
    return Level.objects.create(name=name, threshold=threshold, percent=percent)
