"""Clicks by link, for each message of a scenario; beside every figure stands how it is counted (semantics §47)."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import number_format
from django.utils.translation import gettext as t
from django.views.decorators.http import require_GET

from scenarios.admin.trials import scenario_of
from scenarios.services import cards, link_counts
from scenarios.services.link_counts import StepLinks


@require_GET
def links_view(request: HttpRequest, object_id: int, **context: Any) -> HttpResponse:
    """Every link of every message step: those of the draft in their order, then those that were taken out since."""
    scenario = scenario_of(request, object_id)
    sentences = {card.step.key: str(card.step.sentence()) for card in cards.load(scenario).cards()}
    order = list(sentences)
    found = sorted(
        link_counts.of_scenario(scenario),
        key=lambda step: (order.index(step.key) if step.key in sentences else len(order), step.key),
    )
    data = {
        "title": t("Clicks by link: «%(scenario)s»") % {"scenario": scenario.name},
        "scenario": scenario,
        "steps": [
            {
                "key": step.key,
                "name": sentences.get(step.key) or t("A step that has been removed"),
                "delivered": _number(step.delivered),
                "rows": _rows(step),
            }
            for step in found
        ],
    }
    return render(request, "scenarios/links.html", data | context)


def _rows(step: StepLinks) -> list[tuple[str, ...]]:
    return [
        (
            link.url,
            _number(link.clicks),
            _number(link.clients),
            f"{number_format(round(100 * link.clickers / step.delivered, 1), 1)} %" if step.delivered else "—",
            _number(link.machine_clicks),
        )
        for link in step.links
    ]


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)
