"""The values of a step's texts, for a batch of runs: loaded once, whatever the texts are for (semantics §25)."""

from collections.abc import Collection, Sequence
from datetime import datetime

from messaging.services import variables
from messaging.services.manner import Manner
from scenarios.steps.outcomes import Batch, RunView

# What a run carries of itself is kept in its context under these names; everything else is loaded.
_OWN = {"event", "since", "entry"}


class Wording:
    """The variables of texts, by run. `names`: the top-level variables that the texts read."""

    def __init__(self, names: Collection[str], runs: Sequence[RunView], batch: Batch, now: datetime) -> None:
        self._names = frozenset(names)
        self._known = variables.load(self._names, [run.client_id for run in runs], batch.clients, now)
        started_by = [int(run.context["event"]) for run in runs if "event" in run.context]
        self._events = variables.entries(started_by) if "entry" in self._names else {}

    def manner(self, run: RunView) -> Manner:
        """How a text for the run's client writes dates, sums and numbers."""
        return self._known.manner(run.client_id)

    def manner_of_staff(self) -> Manner:
        """How a text for staff does."""
        return self._known.manner_of_staff()

    def of(self, run: RunView) -> dict[str, object]:
        """The variables of one run's text: what steps above set goes before what is known of the client."""
        entry = self._events.get(int(run.context.get("event", 0)), {}) | run.context.get("entry", {})
        own = {name: value for name, value in run.context.items() if name in self._names and name not in _OWN}
        return self._known.of(run.client_id) | {"entry": entry} | own
