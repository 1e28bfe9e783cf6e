"""What a step is given and what it answers. Plain data: a step decides, the engine writes (architecture §2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from messaging.buttons import Button
from messaging.models import Reserve
from messaging.services.recipients import Recipient
from messaging.services.verdict import Verdict


@dataclass(slots=True)
class RunView:
    """A run as a step sees it. `visit` numbers the steps that the run has made, this one included."""

    id: int
    scenario_id: int
    client_id: int
    step_key: str
    visit: int
    waiting: bool
    depth: int
    entered_at: datetime
    context: dict[str, Any]
    # Failures in a row on the step where the run stands.
    failures: int = 0
    # Its due time passed in a pause, longer ago than the scenario allows: what it would say now is too late.
    stale: bool = False
    # The control group that holds the client out: the run is a ghost, which gets and causes nothing (semantics §17).
    holdout: str = ""
    # Of a run that waits: since when, and until when at most (None: to be counted anew).
    waiting_since: datetime | None = None
    waiting_until: datetime | None = None

    def key(self) -> str:
        """The natural key of whatever this visit of the step causes: it can happen once (semantics §36, §54)."""
        return f"run:{self.id}:{self.step_key}:{self.visit}"

    def stand_up(self) -> None:
        """The run waits no longer."""
        self.waiting, self.waiting_since, self.waiting_until = False, None, None


@dataclass(slots=True)
class Batch:
    """Runs that stand on the same step of the same release, with their clients loaded."""

    runs: Sequence[RunView]
    clients: dict[int, Recipient]

    def of(self, runs: Sequence[RunView]) -> "Batch":
        """The same batch cut down to some of its runs."""
        return Batch(runs, self.clients)


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message to write to the send log: to be sent, or withheld with a typed reason."""

    channel: str
    topic: str
    address: str
    subject: str = ""
    body: str = ""
    withheld: str = ""
    error: str = ""
    # What makes it wait, and till when.
    held: Verdict | None = None
    # What the client is owed goes before all that is advertised.
    owed: bool = False
    html: str = ""
    buttons: tuple[Button, ...] = ()
    # What only its channel has, such as a template with its variables.
    extras: Mapping[str, object] = field(default_factory=dict)
    # Which channel of a cascade it is, and what the one before it must not have brought for it to go.
    attempt: int = 1
    reserve: Reserve | None = None


@dataclass(frozen=True, slots=True)
class TellStaff:
    """A message to one of the staff about the client."""

    user_id: int
    channel: str
    address: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class CallHook:
    """A call to another system, with a body that is JSON."""

    endpoint_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Accrue:
    """Bonuses to accrue, in minor units of the programme.

    `warn_days`: how many days before the burning to warn (None: not at all); `notify_burn`: tell of the burning.
    """

    amount: int
    activates_at: datetime
    expires_at: datetime | None
    reason: str
    warn_days: int | None = None
    notify_burn: bool = False
    # Where it is a percent of an order: what comes back of the order takes its share back.
    order_id: int | None = None
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Bonuses to take away, in minor units, never below zero; `amount` None: all that are available.

    Where there are less, what is left (`partly`) or nothing.
    """

    amount: int | None
    partly: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Join:
    """The client joins a segment."""

    segment_id: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The client leaves a segment."""

    segment_id: int


@dataclass(frozen=True, slots=True)
class IssueCode:
    """A promo code of a pool; texts below say it.

    Where the pool is dry, the shared code of `instead_id`; else a run that needs one (`required`) fails, any
    other goes on without.
    """

    pool_id: int
    instead_id: int | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class GiveAccess:
    """A gift or an access to a service, until before `ends_at` (UTC; None: for good); texts below say its code or link.

    With no link a code is made.
    """

    kind: str
    name: str
    ends_at: datetime | None
    link: str = ""


@dataclass(frozen=True, slots=True)
class EndAccess:
    """Whatever gifts or accesses of this kind and name the client holds end at once."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Remember:
    """A variable for the texts below, as JSON knows values."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """A custom attribute of the client: set to a JSON value, cleared (None), or a number added to it."""

    name: str
    value: Any
    adds: bool = False


@dataclass(frozen=True, slots=True)
class Enter:
    """The client enters another scenario, where its rules allow."""

    scenario_id: int


@dataclass(frozen=True, slots=True)
class Quit:
    """The client leaves another scenario."""

    scenario_id: int


Effect = (
    QueueMessage
    | TellStaff
    | CallHook
    | Accrue
    | Withdraw
    | Join
    | Leave
    | IssueCode
    | GiveAccess
    | EndAccess
    | Remember
    | SetAttribute
    | Enter
    | Quit
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the run goes: on (nothing set), into `branch`, asleep on this step until `until` (UTC), or to its `end`."""

    branch: str | None = None
    until: datetime | None = None
    # Where a sleeping run is to be looked at earlier than `until`.
    again: datetime | None = None
    # The state in which the run ends here ("exited" or "goal"); the reason says why.
    end: str = ""
    effects: tuple[Effect, ...] = field(default=())
    # For the log: a typed reason and the words that explain it.
    reason: str = ""
    detail: str = ""


NEXT = Outcome()
