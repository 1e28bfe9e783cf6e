"""The table of docs/mechanics.md, made from the mechanics themselves.

`tests/scenarios/test_mechanics.py` finds rows that are old; with `MECHANICS_TABLE=write` it writes them anew first.
"""

from typing import Any

from config.env import ROOT
from scenarios.engine import snapshot
from scenarios.models import Scenario
from tests.scenarios.mechanics import Row

PAGE = ROOT / "docs" / "mechanics.md"
BEGINS, ENDS = "| mechanic | when, and for whom | steps | settings |\n|---|---|---|---|\n", "\n\n## "


def row(name: str, settings: Row, document: Row) -> str:
    """A line of the table: what starts the mechanic, its steps, its settings."""
    named = snapshot.named_by(document)
    started = "<br>".join(_trigger(one, named) for one in document["triggers"])
    cells = (name, started, _steps(document["steps"], named), _settings(settings))
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _trigger(one: Row, named: Any) -> str:
    trigger = snapshot.load_trigger(one, named)
    group = trigger.filter_group()
    return str(trigger.sentence()) + (f" — if {group.sentence()}" if group is not None else "")


def _steps(rows: list[Row], named: Any) -> str:
    return " → ".join(_step(one, named) for one in rows)


def _step(one: Row, named: Any) -> str:
    step = snapshot.load_step(one, named)
    said = str(step.sentence()).replace(": For you", "").replace("e-mail: ", "e-mail ").rstrip()
    ways = []
    for way in one.get("branches", ()):
        inside = _steps(way["steps"], named)
        if not inside:
            continue
        group = snapshot.load_way(way, named).conditions if one["type"] == "Fork" else None
        title = "otherwise" if way["is_default"] else str(group.sentence()) if group is not None else way["label"]
        ways.append(f"{title}: {inside}")
    if one["type"] == "Fork":
        said = "If …"
    return said + (f" [{'; '.join(ways)}]" if ways else "")


def _settings(settings: Row) -> str:
    scenario, said = Scenario(**settings), []
    if scenario.reentry == Scenario.Reentry.ONCE:
        said.append("once ever")
    if scenario.reentry == Scenario.Reentry.INTERVAL:
        said.append(f"not more often than every {scenario.reentry_days} days")
    if scenario.exit_events:
        said.append(f"leaves at once on {', '.join(scenario.exit_events)}")
    if scenario.goal_event:
        said.append(f"goal: {scenario.goal_event} within {scenario.goal_days} days")
    if scenario.rivals:
        said.append(f"group of rivals “{scenario.rivals}”, priority {scenario.priority}")
    if scenario.holdout_share:
        said.append(f"control group {scenario.holdout_share} %")
    return ", ".join(said)


def written() -> list[str]:
    """The lines of the table as they stand on the page."""
    return PAGE.read_text().split(BEGINS)[1].split(ENDS)[0].splitlines()


def write(rows: list[str]) -> None:
    """Puts these lines into the page."""
    head, rest = PAGE.read_text().split(BEGINS)
    PAGE.write_text(head + BEGINS + "\n".join(rows) + ENDS + rest.split(ENDS, 1)[1])
