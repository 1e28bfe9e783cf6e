"""What became of the links in a scenario's messages: clicks by link, for every step (semantics §26, §47)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from messaging.models import Link
from scenarios.models import Scenario, ScenarioDay


@dataclass(frozen=True, slots=True)
class StepLinks:
    """A step's links, the most clicked first. `delivered`: its messages so far, as the hourly count knows them."""

    key: str
    delivered: int
    links: Sequence[Link]


def of_scenario(scenario: Scenario) -> list[StepLinks]:
    """By step, those with messages alone; two queries. Buttons that are links count like any other."""
    by_step: Mapping[str, list[Link]] = defaultdict(list)
    for link in Link.objects.filter(scenario_id=scenario.pk).order_by("-clicks", "-machine_clicks", "pk"):
        by_step[link.step_key].append(link)
    delivered = dict(
        ScenarioDay.objects.filter(scenario=scenario, figure="delivered")
        .exclude(step_key="")
        .values_list("step_key")
        .annotate(Sum("count"))
    )
    return [StepLinks(key, delivered.get(key, 0), by_step.get(key, [])) for key in by_step.keys() | delivered.keys()]
