"""What a scenario brought, on one page; beside every figure stands how it is counted (semantics §47–51)."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.money import major
from loyalty.services import programme
from messaging.models import Channel
from scenarios.admin import deciding
from scenarios.admin.trials import scenario_of
from scenarios.admin.verbs import PERMISSION
from scenarios.reasons import reason_label
from scenarios.services import cards, days
from scenarios.services.results import Effect, Results, StepFunnel, results
from scenarios.services.statistics import Interval

MONTH = 30  # days of the period that the page opens with
LONGEST = 731  # days that can be shown


class PeriodForm(forms.Form):
    """The days to show, both included."""

    first = forms.DateField(
        label=pgettext_lazy("period", "from"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=pgettext_lazy("period", "until"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and first > last:
            raise ValidationError(_("The period must end after it begins."))
        if first and last and (last - first).days >= LONGEST:
            raise ValidationError(_("At most two years can be shown."))
        return values


@require_GET
def results_view(request: HttpRequest, object_id: int, **context: Any) -> HttpResponse:
    """GET `first`, `last`: the results of those days; without them those of the last month."""
    scenario = scenario_of(request, object_id)
    today = days.of(timezone.now())
    usual = {"first": today - timedelta(days=MONTH - 1), "last": today}
    form = PeriodForm(request.GET if "first" in request.GET or "last" in request.GET else None, initial=usual)
    period = form.cleaned_data if form.is_valid() else usual
    steps = {card.step.key: str(card.step.sentence()) for card in cards.load(scenario).cards()}
    found = results(scenario, period["first"], period["last"], list(steps))
    money = _Money(programme.current().currency, programme.current().bonus_scale)
    data = {
        "title": t("Results of «%(scenario)s»") % {"scenario": scenario.name},
        "scenario": scenario,
        "form": form,
        "totals": [
            (t("Entered"), _number(found.entered)),
            (t("In progress now"), _number(found.in_progress)),
            (t("Completed"), _number(found.completed)),
            (t("Reached the goal"), _number(found.goals)),
            (t("Left early"), _number(sum(found.exited.values()))),
            (t("Net revenue"), money.minor(found.own.revenue)),
        ],
        "exited": [(reason_label(reason), _number(count)) for reason, count in found.exited.items()],
        "withheld": [(reason_label(reason), _number(count)) for reason, count in found.withheld.items()],
        "funnel": [
            (steps[step.key], step, _percent(step.reached, found.entered), _unsubscribed(step)) for step in found.steps
        ],
        "sent": _messages(found, money),
        "figures": _figures(found, money, scenario.goal_event != ""),
        "splits": deciding.splits(scenario),
        "may_decide": request.user.has_perm(PERMISSION),
        "uplift": _uplift(found.effect, money) if found.effect else [],
        "charts": [
            _chart(t("Entered"), found.by_day["entered"], period, _number),
            _chart(t("Messages sent"), found.by_day["sent"], period, _number),
            _chart(t("Net revenue"), found.by_day["revenue"], period, money.minor),
        ],
    }
    return render(request, "scenarios/results.html", data | context)


class _Money:
    """Money and bonuses as people read them."""

    def __init__(self, currency: str, scale: int) -> None:
        self.currency, self.scale = currency, scale

    def minor(self, amount: int) -> str:
        return self.units(major(amount, self.currency))

    def units(self, amount: Decimal | float) -> str:
        return f"{number_format(round(amount, 2), decimal_pos=2, force_grouping=True)} {self.currency}"

    def bonuses(self, amount: int) -> str:
        return number_format(Decimal(amount).scaleb(-self.scale), decimal_pos=self.scale, force_grouping=True)


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)


def _share(part: Decimal | float, whole: Decimal | float) -> str:
    return _points(float(part) / float(whole)) if whole else "—"


def _points(share: float) -> str:
    return f"{number_format(round(share * 100, 1), decimal_pos=1)} %"


def _percent(part: int, whole: int) -> int:
    return min(100, round(100 * part / whole)) if whole else 0


def _messages(found: Results, money: _Money) -> list[tuple[str, ...]]:
    return [
        (
            str(Channel(sent.channel).label) if sent.channel in Channel.values else sent.channel,
            _number(sent.sent),
            _number(sent.delivered),
            f"{_number(sent.opened)} · {_share(sent.opened, sent.delivered)}",
            f"{_number(sent.clicked)} · {_share(sent.clicked, sent.delivered)}",
            _share(sent.clicked, sent.opened),
            f"{_number(sent.unsubscribed)} · {_share(sent.unsubscribed, sent.delivered)}",
            money.units(sent.cost),
        )
        for sent in found.messages
    ]


def _unsubscribed(step: StepFunnel) -> str:
    """Of a step that says something, how many unsubscribed by its messages, and their share of the delivered."""
    if not step.delivered:
        return "—"
    return f"{_number(step.unsubscribed)} · {_share(step.unsubscribed, step.delivered)}"


def _figures(found: Results, money: _Money, has_goal: bool) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Groups of (what, value, how it is counted)."""
    delivered = sum(sent.delivered for sent in found.messages)
    bonuses, economy, own = found.bonuses, found.economy, found.own
    per_recipient = money.units(major(own.revenue, money.currency) / delivered) if delivered else "—"
    converted = [(t("Conversion to the goal"), _share(found.goals, found.entered), t("reached the goal / entered"))]
    incremental = (
        t("the control group's difference per client × clients who entered for the first time")
        if found.effect and found.effect.revenue
        else t("there is no control group: all revenue of the scenario's own orders, an upper bound")
    )
    return [
        (
            t("Orders"),
            [
                *(converted if has_goal else []),
                (t("Own orders"), _number(own.orders),
                 t("paid orders whose last click, else last message, was of this scenario, within the window")),
                (t("Conversion to orders"), _share(own.orders, delivered), t("own orders / delivered messages")),
                (t("Net revenue"), money.minor(own.revenue), t("own orders less what was returned or cancelled")),
                (t("Revenue per recipient"), per_recipient, t("net revenue / delivered messages")),
                (t("Assisted orders"), f"{_number(found.assisted.orders)} · {money.minor(found.assisted.revenue)}",
                 t("orders of other scenarios whose client had a message of this one within the window; not added")),
            ],
        ),
        (
            t("Bonuses and return"),
            [
                (t("Accrued"), money.bonuses(bonuses.accrued), t("by the scenario's steps")),
                (t("Redeemed"), money.bonuses(bonuses.redeemed), t("of those accrued: spent less returned")),
                (t("Burnt"), money.bonuses(bonuses.burnt), t("of those accrued")),
                (t("Outstanding"), money.bonuses(bonuses.outstanding), t("what is left of all accrued ever")),
                (t("Incremental revenue"), money.units(economy.revenue), incremental),
                (t("Incremental margin"), money.units(economy.margin),
                 t("incremental revenue × margin, %(share)s %% (set in the programme)")
                 % {"share": number_format(economy.margin_share.normalize())}),
                (t("Redeemed cost"), money.units(economy.redeemed_cost), t("redeemed bonuses × value of a bonus")),
                (t("Sending cost"), money.units(economy.sending_cost),
                 t("what messages cost: each attempt, every part of an SMS")),
                (t("ROI"), _points(float(economy.roi)) if economy.roi is not None else "—",
                 t("(margin − redeemed cost − sending cost) / (redeemed cost + sending cost)")),
            ],
        ),
    ]  # fmt: skip


def _uplift(effect: Effect, money: _Money) -> list[str]:
    """What the control group shows, in sentences."""
    counted = {
        "treated": _number(effect.treated.clients), "control": _number(effect.control.clients),
        "p_t": _points(effect.treated.share), "p_c": _points(effect.control.share),
    }  # fmt: skip
    said = [
        t(
            "Of %(treated)s clients who were treated %(p_t)s converted, of %(control)s in the control group %(p_c)s."
        ) % counted,
        t("Uplift: %(interval)s.") % {"interval": _interval(effect.difference, _points)},
    ]  # fmt: skip
    if effect.relative:
        said.append(t("Relative uplift: %(interval)s.") % {"interval": _interval(effect.relative, _points)})
    if effect.revenue:
        interval = _interval(effect.revenue, money.units)
        said.append(t("Revenue per client: %(interval)s more.") % {"interval": interval})
    if not effect.evidence:
        said.insert(0, t("No evidence yet."))
        if effect.needed:
            said.append(
                t("An effect of this size shows with about %(needed)s clients in each group.")
                % {"needed": _number(effect.needed)}
            )
    until = date_format(timezone.localtime(effect.counted.entered_until), "SHORT_DATE_FORMAT")
    began = date_format(timezone.localtime(effect.counted.entered_from), "SHORT_DATE_FORMAT")
    said.append(
        t("Clients who first entered from %(began)s until %(until)s, as assigned, whatever they got.")
        % {"began": began, "until": until}
    )
    return said


def _interval(found: Interval, shown: Any) -> str:
    return t("%(value)s (95 %% interval %(low)s … %(high)s)") % {
        "value": shown(found.value), "low": shown(found.low), "high": shown(found.high),
    }  # fmt: skip


def _chart(name: str, values: Mapping[date, int], period: Mapping[str, date], shown: Any) -> dict[str, Any]:
    """Bars for an SVG of one unit a day by 100."""
    shown_days: Sequence[date] = days.span(period["first"], period["last"])
    most = max(values.values(), default=0)
    return {
        "name": name,
        "width": len(shown_days),
        "most": shown(most),
        "first": period["first"],
        "last": period["last"],
        "bars": [
            {
                "x": at,
                "height": round(100 * values[day] / most),
                "top": 100 - round(100 * values[day] / most),
                "title": f"{date_format(day, 'SHORT_DATE_FORMAT')}: {shown(values[day])}",
            }
            for at, day in enumerate(shown_days)
            if values.get(day, 0) > 0
        ],
    }
