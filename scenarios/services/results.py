"""The results of a scenario over a period, read from what the nightly count keeps (semantics §47–51).

A bounded number of queries, whatever the period and the number of runs; only what happens now is counted now.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Count, QuerySet, Sum

from loyalty.models import Programme
from loyalty.money import digits, major
from loyalty.services import programme
from messaging.models import ChannelPrice
from scenarios.models import Scenario, ScenarioDay, ScenarioRun, Uplift
from scenarios.services.attribution import NET_SQL, PAID_SQL
from scenarios.services.economy import Economy
from scenarios.services.statistics import Arm, Interval, difference, needed, relative

# Digits after the point of a kept cost.
COST_SCALE = 4
# Of scenario or step: (figure, detail) → how many, and what is added up.
Figures = Mapping[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class StepFunnel:
    """A step in the period; `waiting` and `failed` are those who stand on it now (semantics §48)."""

    key: str
    reached: int
    proceeded: int
    waiting: int
    exited: int
    failed: int
    # Of a step that says something (semantics §47).
    delivered: int = 0
    unsubscribed: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages of one channel in the period (semantics §47)."""

    channel: str
    sent: int
    delivered: int
    opened: int
    clicked: int
    unsubscribed: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Sales:
    """Orders that belong to the scenario, or that it assisted; net revenue in minor units (semantics §49)."""

    orders: int = 0
    revenue: int = 0


@dataclass(frozen=True, slots=True)
class Bonuses:
    """The bonuses of the scenario's own accruals, in minor units; `outstanding` is what is left of all of them."""

    accrued: int
    redeemed: int
    burnt: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What the control group shows; money in units (semantics §50)."""

    treated: Arm
    control: Arm
    difference: Interval
    relative: Interval | None
    # Clients each arm needs until a difference as large as this one is evidence.
    needed: int | None
    # Of revenue per client.
    revenue: Interval | None
    counted: Uplift

    @property
    def evidence(self) -> bool:
        return not self.difference.covers_zero


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that the page of results shows."""

    entered: int
    newcomers: int
    held_out: int
    in_progress: int
    completed: int
    goals: int
    exited: Mapping[str, int]
    failed: int
    steps: Sequence[StepFunnel]
    messages: Sequence[Sent]
    withheld: Mapping[str, int]
    own: Sales
    assisted: Sales
    bonuses: Bonuses
    effect: Effect | None
    economy: Economy
    # Figure → day → value; money in minor units.
    by_day: Mapping[str, Mapping[date, int]]


def results(scenario: Scenario, first: date, last: date, steps: Sequence[str]) -> Results:
    """The results from `first` to `last`, days of the programme's zone, both included; `steps`: keys in their order."""
    settings = programme.current()
    kept = ScenarioDay.objects.filter(scenario=scenario)
    of: dict[str, dict[tuple[str, str], tuple[int, int]]] = {}
    by_day: dict[str, dict[date, int]] = {"entered": {}, "sent": {}, "revenue": {}}
    daily = kept.filter(day__range=(first, last)).values_list("day", "step_key", "figure", "detail", "count", "amount")
    for day, step, figure, detail, count, amount in daily.iterator():
        seen = of.setdefault(step, {}).get((figure, detail), (0, 0))
        of[step][figure, detail] = (seen[0] + count, seen[1] + amount)
        if not step and (figure == "entered" and not detail or figure == "sent"):
            by_day[figure][day] = by_day[figure].get(day, 0) + count
    whole = of.get("", {})
    sales = _sales(scenario, first, last, settings.currency, by_day["revenue"])
    now = _standing(scenario)
    messages = _messages(whole)
    bonuses = _bonuses(whole, kept)
    effect = _effect(scenario, settings.currency)
    newcomers = whole.get(("entered", ""), (0, 0))[1]
    return Results(
        entered=_count(whole, "entered", ""),
        newcomers=newcomers,
        held_out=_count(whole, "entered") - _count(whole, "entered", ""),
        in_progress=sum(count for (_, state), count in now.items() if state == ScenarioRun.State.ACTIVE),
        completed=_count(whole, "completed", ""),
        goals=_count(whole, "goal", ""),
        exited=_details(whole, "exited"),
        failed=_count(whole, "failed"),
        steps=[
            StepFunnel(
                key,
                _count(of.get(key, {}), "reached"),
                _count(of.get(key, {}), "proceeded"),
                now.get((key, ScenarioRun.State.ACTIVE), 0),
                _count(of.get(key, {}), "exited"),
                now.get((key, ScenarioRun.State.FAILED), 0),
                _count(of.get(key, {}), "delivered"),
                _count(of.get(key, {}), "unsubscribed"),
            )
            for key in steps
        ],
        messages=messages,
        withheld=_details(whole, "withheld"),
        own=sales[True],
        assisted=sales[False],
        bonuses=bonuses,
        effect=effect,
        economy=_economy(settings, sales[True], newcomers, bonuses, messages, effect),
        by_day=by_day,
    )


def _count(figures: Figures, figure: str, detail: str | None = None) -> int:
    return sum(count for (name, of), (count, _) in figures.items() if name == figure and detail in (None, of))


def _amount(figures: Figures, figure: str, detail: str) -> Decimal:
    return Decimal(figures.get((figure, detail), (0, 0))[1])


def _details(figures: Figures, figure: str) -> dict[str, int]:
    found = Counter({of: count for (name, of), (count, _) in figures.items() if name == figure})
    return dict(found.most_common())


def _standing(scenario: Scenario) -> dict[tuple[str, str], int]:
    """How many runs stand where now, but for ghosts; by two partial indexes."""
    runs = ScenarioRun.objects.filter(scenario=scenario, holdout="")
    return {
        (step, state): count
        for state in (ScenarioRun.State.ACTIVE, ScenarioRun.State.FAILED)
        for step, count in runs.filter(state=state).values_list("step_key").annotate(Count("pk"))
    }


def _messages(figures: Figures) -> list[Sent]:
    """Messages by channel. Where nobody had said what one costs as it was sent, the price of today is taken."""
    prices = dict(ChannelPrice.objects.values_list("channel", "price"))
    return [
        Sent(
            channel,
            _count(figures, "sent", channel),
            _count(figures, "delivered", channel),
            _count(figures, "opened", channel),
            _count(figures, "clicked", channel),
            _count(figures, "unsubscribed", channel),
            _amount(figures, "cost", channel).scaleb(-COST_SCALE)
            + _amount(figures, "sent", channel) * prices.get(channel, Decimal(0)),
        )
        for channel in sorted({of for name, of in figures if name in ("sent", "cost")})
    ]


def _sales(
    scenario: Scenario, first: date, last: date, currency: str, revenue_by_day: dict[date, int]
) -> dict[bool, Sales]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT a.day, a.owner, count(*), coalesce(sum({NET_SQL}) FILTER (WHERE o.currency = %s), 0)::bigint
                FROM scenarios_attribution a JOIN loyalty_order o ON o.id = a.order_id
                WHERE a.scenario_id = %s AND a.day BETWEEN %s AND %s AND {PAID_SQL}
                GROUP BY a.day, a.owner""",  # noqa: S608 (fixed texts)
            [currency, scenario.pk, first, last],
        )
        found = {True: Sales(), False: Sales()}
        for day, owner, orders, revenue in cursor.fetchall():
            found[owner] = Sales(found[owner].orders + orders, found[owner].revenue + revenue)
            if owner:
                revenue_by_day[day] = revenue
    return found


def _bonuses(figures: Figures, kept: QuerySet[ScenarioDay]) -> Bonuses:
    moved = {of: amount for (name, of), (_, amount) in figures.items() if name == "bonuses"}
    left = kept.filter(figure="bonuses").exclude(detail="debt").aggregate(left=Sum("amount"))["left"]
    return Bonuses(
        accrued=moved.get("accrue", 0) + moved.get("debt", 0),
        redeemed=-moved.get("spend", 0) - moved.get("refund", 0),
        burnt=-moved.get("burn", 0),
        outstanding=int(left or 0),
    )


def _effect(scenario: Scenario, currency: str) -> Effect | None:
    kept = Uplift.objects.filter(scenario=scenario).first()
    if kept is None:
        return None
    treated, control = (Arm(*arm) for arm in zip(kept.converted, kept.clients, strict=True))
    found = difference(treated, control)
    clients = treated.clients + control.clients
    pooled = (treated.converted + control.converted) / clients if clients else 0.0
    revenue = None
    if kept.revenue_low is not None and kept.revenue_high is not None:
        unit = 10 ** digits(currency)
        means = [money / arm for money, arm in zip(kept.revenue, kept.clients, strict=True)]
        revenue = Interval((means[0] - means[1]) / unit, kept.revenue_low / unit, kept.revenue_high / unit)
    return Effect(treated, control, found, relative(treated, control), needed(pooled, found.value), revenue, kept)


def _economy(
    settings: Programme, own: Sales, newcomers: int, bonuses: Bonuses, sent: Sequence[Sent], effect: Effect | None
) -> Economy:
    """Incremental revenue is what the control group shows, times the clients who entered in the period.

    Without a control group it is all that is attributed: an upper bound.
    """
    per_client = effect.revenue if effect else None
    return Economy(
        revenue=Decimal(str(round(per_client.value * newcomers, 2)))
        if per_client
        else major(own.revenue, settings.currency),
        margin_share=settings.margin_share,
        redeemed_cost=Decimal(bonuses.redeemed).scaleb(-settings.bonus_scale) * settings.bonus_value,
        sending_cost=sum((channel.cost for channel in sent), Decimal(0)),
    )
