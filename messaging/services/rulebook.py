"""The rules that staff set for messages: topics, send windows, pause dates, caps. Few rows, read whole by one query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson
from django.db import connection, models

from messaging.models import BONUS_NOTICES, MARKETING, SERVICE, FrequencyCap, PauseDate, SendWindow, Topic
from messaging.models.window import Outside

# What staff are told; consents are clients'.
STAFF = "staff"


@dataclass(frozen=True, slots=True)
class TopicRule:
    """What is asked of messages about a topic."""

    name: str
    consent: str = Topic.Consent.REQUIRED
    exempt: bool = False

    @property
    def free(self) -> bool:
        """Whether nobody is asked for consent."""
        return self.consent == Topic.Consent.NONE

    @property
    def silence_agrees(self) -> bool:
        """Whether it goes to those who never said a word on it."""
        return self.consent == Topic.Consent.UNLESS_REFUSED


# What holds where the table has no row: the topics that the platform itself speaks about.
BUILT_IN: Mapping[str, TopicRule] = {
    MARKETING: TopicRule(MARKETING),
    SERVICE: TopicRule(SERVICE, Topic.Consent.NONE, exempt=True),
    BONUS_NOTICES: TopicRule(BONUS_NOTICES, Topic.Consent.UNLESS_REFUSED, exempt=True),
    STAFF: TopicRule(STAFF, Topic.Consent.NONE, exempt=True),
}


@dataclass(frozen=True, slots=True)
class Window:
    """The days (ISO numbers; none: every day) and hours of a channel, by the client's clock."""

    weekdays: frozenset[int]
    opens: time
    closes: time
    skip: bool
    spread: timedelta


@dataclass(frozen=True, slots=True)
class Pause:
    """Days, both included, on which no marketing goes out."""

    name: str
    first: date
    last: date
    skip: bool


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` marketing messages within `within`; of one channel and topic, or of all where they are empty."""

    id: int
    channel: str
    topic: str
    limit: int
    within: timedelta
    patience: timedelta

    def concerns(self, channel: str, topic: str) -> bool:
        """Whether it limits such messages."""
        return self.channel in ("", channel) and self.topic in ("", topic)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All the rules in force."""

    topics: Mapping[str, TopicRule]
    windows: Mapping[str, Window]
    pauses: Sequence[Pause]
    caps: Sequence[Cap]

    def topic(self, slug: str) -> TopicRule:
        """The rule of a topic; one that nobody wrote down is marketing that needs consent."""
        return self.topics.get(slug) or TopicRule(slug)

    def window(self, channel: str) -> Window | None:
        """The send window of a channel."""
        return self.windows.get(channel) or self.windows.get("")

    @property
    def exempt(self) -> list[str]:
        """Topics that no cap counts."""
        return [slug for slug, rule in self.topics.items() if rule.exempt]


def load(now: datetime) -> Rulebook:
    """The rules in force at `now` (UTC): one query. Pause dates that are over are left out."""
    rows: dict[type[models.Model], list[dict[str, Any]]] = {Topic: [], SendWindow: [], PauseDate: [], FrequencyCap: []}
    with connection.cursor() as cursor:
        # A day is over everywhere once it has been over for a day in UTC.
        cursor.execute(_QUERY, [(now - timedelta(days=1)).date()])
        for place, row in cursor.fetchall():
            rows[_TABLES[place]].append(orjson.loads(row))
    return Rulebook(
        topics=dict(BUILT_IN) | {
            row["slug"]: TopicRule(row["name"], row["consent"], row["kind"] == Topic.Kind.TRANSACTIONAL)
            for row in rows[Topic]
        },
        windows={row["channel"]: _window(row) for row in rows[SendWindow]},
        pauses=[
            Pause(
                row["name"],
                date.fromisoformat(row["first"]),
                date.fromisoformat(row["last"]),
                row["marketing"] == Outside.SKIP,
            )
            for row in rows[PauseDate]
        ],
        caps=[
            Cap(
                row["id"],
                row["channel"],
                row["topic"],
                row["limit"],
                timedelta(hours=row["hours"]),
                timedelta(hours=row["defer_hours"]),
            )
            for row in sorted(rows[FrequencyCap], key=lambda row: int(row["id"]))
        ],
    )  # fmt: skip


def _window(row: Mapping[str, Any]) -> Window:
    return Window(
        frozenset(row["weekdays"]),
        time.fromisoformat(row["opens"]),
        time.fromisoformat(row["closes"]),
        row["outside"] == Outside.SKIP,
        timedelta(minutes=row["spread_minutes"]),
    )


_TABLES: tuple[type[models.Model], ...] = (Topic, SendWindow, PauseDate, FrequencyCap)
_QUERY = " UNION ALL ".join(
    f"SELECT {place}, to_jsonb(r)::text FROM {model._meta.db_table} r"  # noqa: S608 (fixed texts)
    + (" WHERE r.last >= %s" if model is PauseDate else "")
    for place, model in enumerate(_TABLES)
)
