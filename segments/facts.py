"""How conditions become SQL: facts about clients, joined once each, and tests of them (semantics §43).

A *fact relation* is a SELECT with at most one row a client: `client_id` and named columns. Relations are LEFT JOINed
to `loyalty_client c`; the same text is joined once. A *term* is a test over their columns. Whether a set of clients,
all of them or a single one is asked about, the SQL is the same; so a set and its explanation cannot differ.

SQL is composed as text. Everything that a person typed goes in by `value`, never as text; a percent sign is doubled.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from loyalty.models import Programme
from loyalty.services import programme, zones

if TYPE_CHECKING:
    from segments.conditions.base import Condition

# SQL with %s, and its parameters: what a cursor executes.
Statement = tuple[str, list[Any]]

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# The names of joined relations (`Facts.join`).
_JOINED = re.compile(r"\bf\d+\b")


@dataclass(frozen=True, slots=True)
class Term:
    """What a condition asks of a client.

    `holds` is a boolean over the columns of the facts; where it is NULL it does not hold. `saw` names what the
    condition looked at, for its words. `parts` are the terms of a group's members, as `Facts.ask` gave them.
    """

    holds: str
    saw: Mapping[str, str] = field(default_factory=dict)
    parts: "tuple[Asked, ...]" = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition with its term. `holds` is never NULL, so NOT, AND and OR over it mean what they say."""

    condition: "Condition"
    holds: str
    saw: Mapping[str, str]
    parts: "tuple[Asked, ...]"

    def looks_at(self) -> set[str]:
        """The names of the joined relations that it looks at; empty where the client's own row tells all."""
        return set(_JOINED.findall(self.holds))


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


class Values:
    """The values of a statement under construction; equal ones share a placeholder, so equal SQL stays equal text."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._names: dict[tuple[type, str], str] = {}

    def value(self, value: Any) -> str:
        """A placeholder for a value."""
        name = self._names.setdefault((type(value), repr(value)), f"v{len(self._names)}")
        self._values[name] = value
        return f"%({name})s"

    def statement(self, sql: str) -> Statement:
        """The composed SQL in the form that a cursor executes, and that can be embedded in other SQL."""
        names = _PLACEHOLDER.findall(sql)
        return _PLACEHOLDER.sub("%s", sql), [self._values[name] for name in names]


class Facts(Values):
    """Collects what conditions ask at `now` (UTC), of the clients with these ids or (None) of all."""

    def __init__(self, now: datetime, clients: Collection[int] | None = None) -> None:
        super().__init__()
        self.now = now
        self._clients = clients
        # By the relation's text: its name and the clause that joins it.
        self._joins: dict[str, tuple[str, str]] = {}
        # Names of relations that are quickly looked up.
        self.cheap: set[str] = set()

    def moment(self, ago: timedelta = timedelta(0)) -> str:
        """The moment so long before now, as SQL."""
        return f"{self.value(self.now - ago)}::timestamptz"

    def among(self, column: str) -> str:
        """What a fact relation must say of its client's column in WHERE: that it is one of those asked about."""
        return f"{column} IS NOT NULL" if self._clients is None else f"{column} IN (SELECT id FROM chosen)"

    @cached_property
    def programme(self) -> Programme:
        """The programme's settings: its currency, the digits of a bonus."""
        return programme.current()

    def local(self) -> str:
        """Now by the client's own clock, as SQL (timestamp): the client's zone, else the store's, else the programme's.

        Zones are looked up here, not by PostgreSQL: it may know others, and one unknown name would fail the statement.
        """
        known = _zones()
        clocks = [self.now.astimezone(zones.named(name)).replace(tzinfo=None) for name in known]
        home = self.join("SELECT id, zone FROM loyalty_store WHERE zone <> ''", "{0}.id = c.store_id")
        clock = self.join(
            f"SELECT * FROM unnest({self.value(known)}::text[], {self.value(clocks)}::timestamp[]) AS z(zone, local)",
            f"{{0}}.zone = coalesce(nullif(c.zone, ''), {home}.zone)",
        )
        own = self.now.astimezone(programme.zone()).replace(tzinfo=None)
        return f"coalesce({clock}.local, {self.value(own)}::timestamp)"

    def relation(self, select: str, cheap: bool = False) -> str:
        """Joins a fact relation (once, however many ask); returns the name by which its columns are read.

        `cheap`: a client has a row or a few of it, found by an index (see `evaluate.holding`).
        """
        name = self.join(select, "{0}.client_id = c.id")
        if cheap:
            self.cheap.add(name)
        return name

    def join(self, select: str, on: str) -> str:
        """Joins any relation that has at most one row a client; `on` says how, with {0} for its name."""
        if select not in self._joins:
            name = f"f{len(self._joins)}"
            self._joins[select] = (name, f"LEFT JOIN ({select}) {name} ON {on.format(name)}")
        return self._joins[select][0]

    def ask(self, condition: "Condition") -> Asked:
        """A condition's term, made definite."""
        term = condition.term(self)
        return Asked(condition, f"(({term.holds}) IS TRUE)", term.saw, term.parts)

    def select(self, columns: str, where: str = "TRUE", joined: Collection[str] | None = None) -> Statement:
        """A SELECT over the clients asked about and all facts joined, or the `joined` ones and what they need."""
        chosen = ""
        if self._clients is not None:
            ids = self.value(sorted(set(self._clients)))
            chosen = f"WITH chosen AS (SELECT unnest({ids}::bigint[]) AS id) "
        joins = " ".join(self._clauses(joined))
        return self.statement(
            f"{chosen}SELECT {columns} FROM loyalty_client c {joins} WHERE {self.among('c.id')} AND {where}"
        )

    def _clauses(self, joined: Collection[str] | None) -> list[str]:
        """What joins these relations (None: all); one is joined by the columns of others before it."""
        wanted = None if joined is None else set(joined)
        clauses = []
        for name, clause in reversed(self._joins.values()):
            if wanted is None or name in wanted:
                clauses.append(clause)
                if wanted is not None:
                    wanted.update(_JOINED.findall(clause))
        return clauses[::-1]


# Every zone's clock differs from UTC by a multiple of this.
_QUARTER = timedelta(minutes=15)
_FARTHEST = timedelta(hours=14)


class Span(Values):
    """The time that passed from `then` to `now`: conditions say whose answer that alone may have changed."""

    def __init__(self, then: datetime, now: datetime) -> None:
        super().__init__()
        self.then = then
        self.now = now

    def crossed(self, column: str, *after: timedelta) -> str:
        """Whether the moment `column`, or one so long `after` it, lies in the span; both ends count."""
        return " OR ".join(
            f"{column} BETWEEN {self.value(self.then - shift)}::timestamptz"
            f" AND {self.value(self.now - shift)}::timestamptz"
            for shift in after or (timedelta(0),)
        ).join("()")

    def days_begun(self) -> list[date]:
        """The days that began in the span somewhere on Earth; none in the most of short spans."""
        if self.then.timestamp() // _QUARTER.total_seconds() == self.now.timestamp() // _QUARTER.total_seconds():
            return []
        first, last = (self.then - _FARTHEST).astimezone(UTC).date(), (self.now + _FARTHEST).astimezone(UTC).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]
