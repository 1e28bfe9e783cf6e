"""What the log shows of messages beside their own columns: on pages and in files."""

from decimal import Decimal
from typing import Any

from loyalty.services import programme
from scenarios.admin.runs import sentences
from scenarios.models import Scenario
from scenarios.services import gains
from scenarios.templatetags.scenario_map import readable


def dress(messages: list[Any], full: bool) -> None:
    """Gives messages their scenario, the sentence of their step and what came with them; a few queries for all.

    `full`: phones, texts and codes may be shown.
    """
    named = Scenario.objects.in_bulk({message.scenario_id for message in messages if message.scenario_id})
    said = sentences({message.step_key for message in messages if message.step_key})
    given = gains.of_messages(messages)
    settings = programme.current()
    for message in messages:
        message.full = full
        message.scenario = named.get(message.scenario_id)
        message.sentence = readable(said.get(message.step_key, ""))
        gain = given.get(message.pk) or gains.Gain()
        message.codes = gain.codes
        message.bonuses = None if gain.bonuses is None else Decimal(gain.bonuses).scaleb(-settings.bonus_scale)
        message.currency = settings.currency


def cost_of(message: Any) -> str:
    """The cost without trailing zeros: 2.4; empty where it is not known."""
    return "" if message.cost is None else f"{message.cost.normalize():f}"
