"""Every mechanic as a marketer builds it: its trigger, its conditions, its steps (docs/mechanics.md).

A scenario is (settings, triggers, steps). A trigger, step or condition is its class and what is filled in; what is not
filled in is as the form offers it. Steps of a fork stand behind it, by branch.
"""

from typing import Any

Row = dict[str, Any]


def part(kind_of: str, /, *, whom: list[Row] | None = None, **columns: Any) -> Row:
    """A trigger, with its conditions; or a step or condition."""
    row: Row = {"type": kind_of, **columns}
    return row | {"conditions": _group(whom)} if whom is not None else row


def _group(members: list[Row] | None) -> Row | None:
    return {"type": "Group", "mode": "all", "members": members} if members is not None else None


# Triggers


def event(name: str, *filters: tuple[str, str, str], whom: list[Row] | None = None, **columns: Any) -> Row:
    said = [{"name": path, "operator": operator, "value": value} for path, operator, value in filters]
    return part("EventTrigger", event_name=name, filters=said, whom=whom, **columns)


def absence(
    base: str, *absent: str, days: int = 0, hours: int = 0, whom: list[Row] | None = None, **columns: Any
) -> Row:
    length = {"delay": days or hours, "delay_unit": "days" if days else "hours"}
    return part("AbsenceTrigger", base_event=base, absent_events=list(absent), whom=whom, **length, **columns)


def bought(value: str, goods: str = "category", whom: list[Row] | None = None, **columns: Any) -> Row:
    return part("PurchaseTrigger", goods=goods, value=value, whom=whom, **columns)


def schedule(segment: str = "fans", whom: list[Row] | None = None, **columns: Any) -> Row:
    return part("ScheduleTrigger", segment=segment, starts_on="2026-12-01", whom=whom, **columns)


# Conditions


def orders(count: int, bound: str = "at_least", **columns: Any) -> Row:
    return part("OrdersCondition", measure="count", bound=bound, amount=count, **columns)


def counted(name: str, count: int = 1, bound: str = "at_least", **columns: Any) -> Row:
    return part("EventCountCondition", event_name=name, count=count, bound=bound, **columns)


def is_in(segment: str = "fans") -> Row:
    return part("InSegment", segment=segment)


def agreed(channel: str = "email") -> Row:
    return part("ConsentCondition", channel=channel)


def attribute(name: str, operator: str, value: str = "") -> Row:
    return part("AttributeCondition", attribute=name, operator=operator, value=value)


# Steps


def say(
    body: str = "Hello, {{ client.first_name | default: 'friend' }}!", channel: str = "email", **columns: Any
) -> Row:
    return part(
        "SendMessage", channel=channel, body=body, **({"subject": "For you"} if channel == "email" else {}), **columns
    )


def give(amount: int = 500, days: int = 30, **columns: Any) -> Row:
    return part("AccrueBonuses", amount=amount, lifetime_days=days, **columns)


def warned(amount: int = 500, days: int = 30, before: int = 7) -> Row:
    texts = {
        "warn_subject": "Soon",
        "warn_text": "They burn soon.",
        "burn_subject": "Gone",
        "burn_text": "They are burnt.",
    }
    return give(amount, days, warn=True, warn_days=before, notify_burn=True, **texts)


def replies(text: str, segment: str = "") -> dict[str, str]:
    """A button that is a reply, and may lead into a segment."""
    return {"text": text, "kind": "segment", "segment": segment} if segment else {"text": text, "kind": "reply"}


def leads(text: str) -> dict[str, str]:
    """A button that leads to the shop."""
    return {"text": text, "kind": "link", "url": "https://shop.example/"}


def code() -> Row:
    return part("IssuePromoCode", pool="codes")


def suggest(kind: str = "popular") -> Row:
    return part("RecommendProducts", kind=kind)


def wait(days: int = 0, hours: int = 0, **columns: Any) -> Row:
    return part("Wait", amount=days or hours, unit="days" if days else "hours", **columns)


def into(segment: str = "fans") -> Row:
    return part("AddToSegment", segment=segment)


def out_of(segment: str = "fans") -> Row:
    return part("RemoveFromSegment", segment=segment)


def chain() -> Row:
    return part("StartChain", target="series")


def staff(body: str = "Please look at {{ client.first_name | default: 'the client' }}.") -> Row:
    return part("NotifyStaff", role="administrator", subject="Look", body=body)


def keep(name: str, value: str = "", **columns: Any) -> Row:
    return part("SetClientAttribute", attribute=name, value=value, **columns)


def exit_() -> Row:
    return part("Exit")


def _way(
    steps: list[Row], label: str = "", default: bool = False, when: list[Row] | None = None, weight: int = 1
) -> Row:
    return {"label": label, "is_default": default, "weight": weight, "conditions": _group(when), "steps": steps}


def await_(name: str, happened: list[Row], not_: list[Row], days: int = 0, hours: int = 0, **columns: Any) -> Row:
    """Waits for an event; what follows if it happened, and if it did not."""
    step = part(
        "WaitForEvent", event_name=name, timeout=days or hours, timeout_unit="days" if days else "hours", **columns
    )
    return step | {"branches": [_way(happened, "yes"), _way(not_, default=True)]}


def if_(*branches: tuple[list[Row], list[Row]], otherwise: list[Row] | None = None) -> Row:
    """If / Then / Else: (conditions, steps) of every branch, and of everybody else."""
    ways = [_way(steps, f"branch {number}", when=when) for number, (when, steps) in enumerate(branches, 1)]
    return part("Fork") | {"branches": [*ways, _way(otherwise or [], default=True)]}


def split(*variants: list[Row], **columns: Any) -> Row:
    """An A/B/n split."""
    ways = [_way(steps, chr(65 + number)) for number, steps in enumerate(variants)]
    return part("Split", **columns) | {"branches": ways}


ONCE = {"reentry": "once"}
FIRST_ORDER = {"goal_event": "order.paid", "goal_days": 14}


def every(days: int, **settings: Any) -> Row:
    """Not more often than every so many days."""
    return {"reentry": "interval", "reentry_days": days, **settings}


CART = "{% for line in cart.lines %}{{ line.title }} {% endfor %}{{ cart.url }}"
CODE = "Your code: {{ promo.code }}, until {{ promo.until }}"
GOODS = "{% for product in products %}{{ product.title }} {% endfor %}"

MECHANICS: dict[str, tuple[Row, list[Row], list[Row]]] = {
    "T01 welcome after registration": (
        ONCE | FIRST_ORDER,
        [event("customer.registered", whom=[counted("customer.registered", 1, "at_most")])],
        [suggest("new"), say(GOODS), warned(), code(), say(CODE), wait(2), if_(([orders(0, "at_most")], [say()]))],
    ),
    "T02 welcome on subscription": (ONCE, [event("message.subscribed", whom=[agreed()])], [code(), say(CODE)]),
    "T03 landing page to chain": (ONCE, [event("page.joined", ("page", "equals", "spring"))], [into(), chain()]),
    "T04 confirm the address": (
        {},
        [event("confirmation.requested")],
        [
            # The platform itself asks at once; the scenario reminds and rewards.
            await_(
                "confirmation.given",
                [give(100)],
                [
                    say("Confirm: {{ confirm.url }}", topic="service"),
                    await_("confirmation.given", [give(100)], [exit_()], hours=24),
                ],
                hours=3,
            ),
        ],
    ),
    "T05 reminder of the first purchase": (
        {"exit_events": ["order.paid"]},
        [absence("customer.registered", "order.paid", days=3, whom=[orders(0, "at_most"), agreed()])],
        [
            suggest(),
            say("You have {{ bonus.available }} bonuses. " + GOODS),
            wait(4),
            if_(([orders(0, "at_most")], [code(), say(CODE), give(200, 14)])),
        ],
    ),
    "T06 series for beginners": (
        ONCE,
        [event("customer.registered")],
        [
            wait(1),
            if_(([counted("bonus.spent", 0, "at_most")], [say("How to spend")])),
            wait(3),
            say(),
            wait(3),
            suggest("personal"),
            say(GOODS),
            wait(5),
            say(),
        ],
    ),
    "T07 warming up": (ONCE, [part("ManualTrigger"), part("SegmentTrigger", segment="fans")], [chain()]),
    "T08 fill in the profile": (
        ONCE,
        [
            absence(
                "customer.registered",
                "profile.filled",
                days=3,
                whom=[part("ProfileFilledCondition", names=["birthday"], negated=True)],
            )
        ],
        [
            part("AskProfile", form="about"),
            say("{{ profile.url }}"),
            await_("profile.filled", [give(100), say()], [say("{{ profile.url }}"), exit_()], days=7),
        ],
    ),
    "T09 the second purchase": (
        {"exit_events": ["order.paid"], **ONCE},
        [event("order.paid", delay=5, delay_unit="days", whom=[orders(1, "at_most")])],
        [suggest("personal"), give(300, 10), say(GOODS), wait(8, counted_from="accrual"), say("The last two days")],
    ),
    "T10 abandoned cart": (
        every(7, exit_events=["order.created", "cart.cleared"], rivals="basket", priority=5),
        [
            absence(
                "cart.updated",
                "order.created",
                hours=1,
                base_filters=[{"name": "total", "operator": "greater", "value": "1000"}],
            )
        ],
        [
            say(CART),
            await_("order.created", [exit_()], [say(CART)], hours=23),
            wait(2),
            if_(([counted("promo.issued", 0, "at_most", days=30)], [code(), say(CODE)])),
        ],
    ),
    "T11 unfinished checkout": (
        every(7, exit_events=["order.created"], rivals="basket", priority=10),
        [absence("checkout.started", "order.created", hours=1)],
        [say("Can we help?"), staff()],
    ),
    "T12 abandoned product": (
        every(7, rivals="basket", priority=1),
        [
            absence(
                "product.viewed", "cart.updated", "order.created", hours=4, whom=[counted("product.viewed", 2, days=1)]
            )
        ],
        [suggest("similar"), say("{{ entry.title }}: " + GOODS + "{{ bonus.available }}")],
    ),
    "T13 abandoned category": (
        every(7),
        [
            absence(
                "category.viewed", "cart.updated", "order.created", days=1, whom=[counted("category.viewed", 3, days=1)]
            )
        ],
        [suggest("bestsellers"), say(GOODS)],
    ),
    "T14 abandoned search": (
        every(7),
        [absence("search.performed", "product.viewed", "order.created", days=1)],
        [suggest("search"), say("{{ entry.query }}: " + GOODS)],
    ),
    "T15 waits for a lower price": (
        every(30),
        [absence("product.viewed", "order.created", days=1, whom=[part("DiscountShareCondition")])],
        [
            suggest("promo"),
            if_(
                ([part("GoodsCondition", deed="viewed", kind="promo", days=7)], [say(GOODS)]),
                otherwise=[warned(200, 7, 2), say()],
            ),
        ],
    ),
    "T16 price dropped": (
        {},
        [part("ProductNewsTrigger", interests=["viewed", "carted", "favoured"])],
        [say("{% for item in entry.items %}{{ item.title }} {% endfor %}")],
    ),
    "T17 offers": ({"holdout_share": "5"}, [schedule(), part("ManualTrigger")], [split([say()], [say()], pick=True)]),
    "T18 personal recommendations": (
        {},
        [
            schedule(
                repeat="monthly",
                whom=[orders(4), agreed(), part("EngagementCondition", deed="sent", count=0, bound="at_most", days=7)],
            )
        ],
        [suggest("personal"), say(GOODS)],
    ),
    "T19 new in the category": (
        {},
        [schedule(repeat="weekly", weekdays=[1], whom=[part("GoodsCondition", value="Shoes")])],
        [suggest("new"), say(GOODS)],
    ),
    "T20 goes with it": (
        {},
        [
            bought(
                "Shoes",
                delay=3,
                delay_unit="days",
                whom=[part("GoodsCondition", value="Care", count=0, bound="at_most", days=3)],
            )
        ],
        [suggest("accessories"), say(GOODS)],
    ),
    "T21 goes with the order": (
        {},
        [event("order.created")],
        [
            if_(
                ([agreed()], [suggest("together"), say(GOODS, topic="service")]),
                otherwise=[say(topic="service")],
            )
        ],
    ),
    "T22 chain of a product": (
        ONCE,
        [bought("Aquariums")],
        [say("Congratulations!"), wait(hours=4), say(buttons=[leads("Food for it")]), wait(1), say()],
    ),
    "T23 the button sorts": (
        {},
        [part("ManualTrigger")],
        [say("Who lives with you?", buttons=[replies("A cat", "fans"), replies("Nobody")])],
    ),
    "T24 win-back": (
        every(90, exit_events=["order.paid"]),
        [part("IntervalTrigger", counted="usual", percent=200, days=90, least_days=45)],
        [
            suggest("personal"),
            say(GOODS),
            wait(7),
            code(),
            say(CODE),
            wait(14),
            give(500, 14),
            say(),
            wait(14),
            keep("winback_failed", "1", action="add", kind="number"),
        ],
    ),
    "T25 alarm clock": (
        every(180),
        [part("IntervalTrigger", base_event="page.viewed", counted="fixed", days=180)],
        [say(), wait(7), say(channel="sms")],
    ),
    "T26 why did you leave": (
        ONCE,
        [schedule(repeat="daily", whom=[attribute("attributes.winback_failed", "at_least", "2")])],
        [
            part("AskSurvey", survey="leaving"),
            say("{{ survey.url }}"),
            await_(
                "survey.answered",
                [
                    give(200),
                    if_(([counted("survey.answered", path="answers.score", operator="at_most", value="6")], [staff()])),
                ],
                [into("gone")],
                days=14,
            ),
        ],
    ),
    "T27 burning bonuses wake": (
        every(30),
        [part("IntervalTrigger", counted="fixed", days=30, whom=[part("ExpiringBonusesCondition", days=14)])],
        [suggest("affordable"), say("{{ bonus.available }} " + GOODS)],
    ),
    "T28 shorter interval": (
        {},
        [
            part(
                "IntervalTrigger",
                counted="usual",
                percent=83,
                whom=[part("RfmCondition", what="bands", bands=["average"])],
            )
        ],
        [suggest("personal"), say(GOODS), keep("pushed_at", "{{ entry.ordered_at }}", kind="text")],
    ),
    "T29 the best come back": (
        every(90),
        [
            part("RfmTrigger", to_groups=["champions", "loyal"]),
            part(
                "IntervalTrigger",
                counted="usual",
                percent=90,
                whom=[part("RfmCondition", what="bands", bands=["best"])],
            ),
        ],
        [part("GiveGift", name="Coffee", days=14), say("{{ gift.name }}: {{ gift.code }}")],
    ),
    "T30 bring a friend": (
        ONCE,
        [
            schedule(
                repeat="monthly", whom=[part("RfmCondition", what="bands", bands=["best"]), part("OverdueCondition")]
            )
        ],
        [part("GiveReferralLink"), say("{{ referral.url }}")],
    ),
    "T31 the worst wake up": (
        every(180),
        [schedule(repeat="weekly", weekdays=[1], whom=[part("RfmCondition", what="bands", bands=["worst"])])],
        [suggest("personal"), warned(500, 14, 3), say(GOODS)],
    ),
    "T32 bonuses accrued": (
        {},
        [event("bonus.accrued", ("amount", "greater", "49"), merge_minutes=15)],
        [say("{{ bonus.available }}", topic="service"), await_("bonus.spent", [exit_()], [say()], days=5)],
    ),
    "T33 bonuses burn soon": (
        {},
        [part("BurningTrigger", days=7), part("BurningTrigger", days=3), part("BurningTrigger", when="warning")],
        [suggest("affordable"), say(GOODS)],
    ),
    "T34 bonuses burnt": ({}, [part("BurningTrigger", when="burnt")], [say(), give(100, 7)]),
    "T35 a new level": ({}, [part("LevelTrigger")], [part("GiveGift", name="Cup", days=30), say("{{ gift.code }}")]),
    "T36 a quest almost done": ({}, [part("QuestTrigger", left=2)], [say("{{ entry.name }}: {{ entry.left }}")]),
    "T37 promo code ends": (
        {},
        [part("PromoExpiryTrigger", whom=[part("PromoCodeCondition", state="unused")])],
        [say("{{ entry.code }}")],
    ),
    "T38 referral link followed": (
        every(1),
        [event("referral.clicked")],
        [await_("referral.registered", [exit_()], [say()], days=1)],
    ),
    "T39 a friend registered": (
        {},
        [event("referral.registered")],
        [
            if_(
                ([part("ReferralCondition", role="referrer"), is_in()], [give(300), say()]),
                ([part("ReferralCondition", role="referee")], [give(100), say()]),
            )
        ],
    ),
    "T40 the friend's first order": (
        {},
        [event("referral.rewarded", ("role", "equals", "referrer"))],
        [wait(14), say()],
    ),
    "T41 a deed, a reward": ({}, [event("account.opened"), event("service.rendered")], [give(100), say()]),
    "T42 tidy segments": (
        {},
        [event("order.paid")],
        [part("MoveToSegment", source="fans", target="gone"), into(), out_of("seasonal")],
    ),
    "T43 tell staff": ({}, [bought("Watches"), event("order.paid", ("total", "greater", "50000"))], [staff()]),
    "T44 access to a service": (
        {},
        [bought("Subscription", "product")],
        [
            part("GrantAccess", name="Club", days=30),
            say("{{ access.url }} {{ access.code }}"),
            wait(30),
            part("CallWebhook", endpoint="club"),
            part("RevokeAccess", name="Club"),
        ],
    ),
    "T45 birthday": (
        {},
        [part("DateTrigger", side="before", days=7)],
        [
            give(500, 14),
            say(),
            part("Wait", mode="date", date_of="birthday"),
            say("Happy birthday!"),
            part("Wait", mode="date", date_of="birthday", shift="after", shift_days=7, when_past="leave"),
            say("The last day"),
        ],
    ),
    "T46 thank you": (
        {},
        [event("order.paid")],
        [if_(([part("GoodsCondition", value="Tea", days=1)], [say("How to brew")]), otherwise=[say()])],
    ),
    "T47 state of the order": (
        {},
        [event("order.updated", ("status", "equals", "shipped"))],
        [say("{{ entry.number }}", topic="service")],
    ),
    "T48 feedback": (
        every(30),
        [event("order.paid", delay=5, delay_unit="days", whom=[counted("order.refunded", 0, "at_most", days=5)])],
        [
            part("AskSurvey", survey="leaving"),
            say("{{ survey.url }}"),
            await_(
                "survey.answered",
                [staff(), say("We are sorry")],
                [exit_()],
                days=7,
                filters=[{"name": "answers.score", "operator": "less", "value": "4"}],
            ),
        ],
    ),
    "T49 bonus for a review": (
        {},
        [event("review.created", once_per="order_id"), event("survey.answered")],
        [give(100), say()],
    ),
    "T50 holidays": (
        {},
        [schedule(repeat="yearly", whom=[attribute("gender", "equals", "F")])],
        [code(), say(CODE)],
    ),
    "T51 anniversary": (
        {},
        [part("DateTrigger", kept="registered"), part("DateTrigger", kept="first_purchase")],
        [give(500, 14), say("{{ client.attributes.year_total | default: 'much' }}")],
    ),
    "T52 the next visit": (
        {},
        [
            part(
                "IntervalTrigger",
                base_event="visit.completed",
                counted="attribute",
                attribute="visit_days",
                days=30,
                before=before,
                whom=[counted("visit.booked", 0, "at_most", days=30)],
            )
            for before in (7, 1)
        ],
        [say(buttons=[leads("Book")]), await_("visit.booked", [exit_()], [staff()], days=5)],
    ),
    "T53 in time": (
        {},
        [event("visit.completed", whom=[part("NearDateCondition", attribute="attributes.visit_due")])],
        [give(100), say(), keep("visit_due", "{{ entry.next_visit_at }}", kind="date")],
    ),
    "T54 near a store": (
        every(7),
        [part("GeofenceTrigger", whom=[part("LocalTimeCondition", since="09:00", until="21:00")])],
        [say(channel="sms")],
    ),
    "T55 an invitation": (
        ONCE,
        [schedule(), part("ManualTrigger")],
        [
            say("Come!", buttons=[replies("I will come"), replies("Not this time")]),
            await_(
                "message.replied",
                [
                    into(),
                    part("Wait", mode="date", date_of="given", given="2027-01-31", shift="before", shift_days=1),
                    say("Tomorrow!"),
                    wait(2),
                    say("Thank you"),
                ],
                [exit_()],
                days=7,
                filters=[{"name": "button", "operator": "equals", "value": "I will come"}],
            ),
        ],
    ),
    "T56 a contest": (
        ONCE,
        [schedule()],
        [
            suggest(),
            say("Take part! " + GOODS, buttons=[replies("I take part", "players")]),
            await_(
                "message.replied", [], [say("The last day"), await_("message.replied", [], [exit_()], days=1)], days=20
            ),
            part("Wait", mode="date", date_of="given", given="2027-01-15"),
            if_(([is_in("winners")], [part("GiveGift", name="Prize", days=90), say()]), otherwise=[give(50), say()]),
        ],
    ),
    "T57 the best channel": (
        {},
        [part("ManualTrigger")],
        [
            say(
                channel="push",
                fallbacks=[
                    {"channel": "email", "subject": "For you", "body": "Hello!"},
                    {"channel": "sms", "body": "Hello!"},
                ],
                best_first=True,
            )
        ],
    ),
    "T58 If / Then / Else": (
        {},
        [event("order.paid")],
        [if_(([is_in("fans")], [say()]), ([is_in("gone")], [give()]), otherwise=[staff()])],
    ),
    "X1 back in stock": ({}, [part("ProductNewsTrigger", news="stock", interests=["viewed", "favoured"])], [say()]),
    "X2 low stock in the cart": (
        {},
        [part("ProductNewsTrigger", news="left", left=3, interests=["viewed", "carted"])],
        [say("{% for item in entry.items %}{{ item.title }}: {{ item.left }} {% endfor %}")],
    ),
    "X3 level lost": ({}, [part("LevelTrigger", direction="down")], [say()]),
    "X4 the first spending": (
        ONCE,
        [absence("bonus.accrued", "bonus.spent", days=14, whom=[counted("bonus.spent", 0, "at_most")])],
        [say()],
    ),
    "X5 time to buy again": ({}, [part("IntervalTrigger", counted="usual")], [say()]),
    "X6 never opens": (
        ONCE,
        [
            schedule(
                repeat="monthly",
                whom=[
                    part("EngagementCondition", deed="sent", count=5, days=180),
                    part("EngagementCondition", count=0, bound="at_most", days=180),
                ],
            )
        ],
        [say("Shall we go on?"), await_("message.clicked", [exit_()], [into("gone")], days=14)],
    ),
    "X7 NPS now and then": (
        every(180),
        [schedule(repeat="monthly")],
        [part("AskSurvey", survey="leaving"), say("{{ survey.url }}")],
    ),
    "X8 an order came back": ({}, [event("order.refunded")], [say("{{ bonus.available }}", topic="service")]),
    "X9 a bad review": ({}, [event("review.created", ("rating", "less", "4")), event("call.missed")], [staff()]),
    "X10 the app is installed": (ONCE, [event("app.installed"), event("card.installed")], [give(100), say()]),
    "X11 bonuses became active": (
        {},
        [event("bonus.accrued")],
        [part("Wait", mode="date", date_of="event", name="activates_at"), say("{{ bonus.available }}")],
    ),
    "X12 favourites": (every(14), [absence("product.favourited", "order.created", days=3)], [say("{{ entry.title }}")]),
}
