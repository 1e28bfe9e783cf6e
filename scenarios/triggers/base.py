"""What every trigger is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from polymorphic.models import PolymorphicModel

from scenarios.keys import new_key
from segments.models import Group


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as a trigger sees it."""

    id: int
    name: str
    client_id: int
    occurred_at: datetime
    payload: dict[str, Any]
    depth: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A client who enters: at once, or at `due_at` if the trigger still holds then.

    `occurrence` is the entry's business identity (semantics §4). `slot` names the clock that a later
    event sets again; without it every occurrence has a clock of its own. With `merges`, later events
    join the clock of the slot instead, and all of them start one run. `context` is what the run knows
    beside its event: `entry` in it is what templates read. A `refusal` is the reason, for the log, why it does not
    enter after all.
    """

    event: EventView
    occurrence: str
    due_at: datetime | None = None
    slot: str = ""
    merges: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """Clients for whom a timed trigger came due, as a SELECT of `client_id`, `occurrence` and `context` (jsonb).

    At most one row a client. `key` orders the parts of one window, and names this one in the mark of the scan.
    """

    key: str
    sql: str
    params: Mapping[str, Any]


class Trigger(PolymorphicModel):
    """One trigger of a scenario's draft; like a step, it is rebuilt, unsaved, from the release."""

    icon = "bolt"
    # Whether time starts it: the engine asks `due`, and keeps a mark of how far it has looked.
    timed = False
    # Whether `matching_now` finds those who match already when the scenario is activated.
    backfills = False
    # See `family`.
    least_gap = timedelta(0)
    # Whether its conditions choose an audience: then those for whom they do not hold are not logged as refused.
    chooses = False

    # What it gives texts to say as `entry`, beside the properties of the events that it listens to.
    tells: Collection[str] = ()

    scenario = models.ForeignKey(
        "scenarios.Scenario", models.CASCADE, related_name="triggers", verbose_name=_("scenario")
    )
    key = models.CharField(max_length=32, default=new_key, editable=False)
    conditions = models.OneToOneField(
        Group, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("conditions")
    )

    class Meta:
        verbose_name = _("trigger")
        verbose_name_plural = _("triggers")
        ordering = ("pk",)

    def __str__(self) -> str:
        return str(self.sentence())

    def filter_group(self) -> Group | None:
        """The conditions, of the row or of the release."""
        return getattr(self, "attached_conditions", None) or self.conditions

    def problems(self) -> list[str]:
        """What forbids publishing this trigger, in the current language."""
        try:
            self.full_clean(exclude=["scenario", "polymorphic_ctype", "conditions"])
        except ValidationError as error:
            return error.messages
        return []

    def sentence(self) -> str:
        """The trigger in the current language, as its card says it."""
        raise TypeError(f"{type(self).__name__} defines no sentence")

    def listens_to(self) -> Collection[str]:
        """Names of the events that this trigger wants to see; none, where time or a person starts it."""
        return ()

    def entries(self, events: Sequence[EventView], now: datetime) -> list[Entry]:
        """What events that it listens to start. May query, set-based; must not write."""
        return [entry for event in events if (entry := self.entry(event))]

    def entry(self, event: EventView) -> Entry | None:
        """What one event starts, or None: for triggers that look at nothing else."""
        raise TypeError(f"{type(self).__name__} starts nothing")

    def due(self, since: datetime, until: datetime, zones: Collection[str]) -> list[Due]:
        """What came due in (since, until] (UTC), where time starts it; `zones` are those that clients live in.

        Nothing, and no query, where no moment of the trigger lies in between.
        """
        return []

    def matching_now(self, now: datetime, zones: Collection[str]) -> list[Due]:
        """Those who match at `now` (UTC) though their moment has passed: "also those who match now" (semantics §6)."""
        return []

    @property
    def family(self) -> str:
        """A LIKE pattern of its occurrences, of which a client enters for one in `least_gap`; empty: for each."""
        return ""

    def broken_by(self) -> Collection[str]:
        """Names of the events that, happening between the base event and the due time, forbid the entry."""
        return ()

    def breaks(self, payload: Mapping[str, Any]) -> bool:
        """Whether an event of these names with this payload forbids the entry; asked where `picky`."""
        return True

    @property
    def picky(self) -> bool:
        """Whether `breaks` has to be asked."""
        return False
