"""Links of messages: stored once a step, found again by number (semantics §26)."""

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from loyalty.services.rows import as_json
from messaging import tokens
from messaging.models import Link
from messaging.tokens import Purpose


class Place(NamedTuple):
    """An address in the messages of one step; scenario 0 is none."""

    scenario_id: int
    step_key: str
    url: str


_FIND = """
SELECT l.scenario_id, l.step_key, l.url, l.id
FROM json_to_recordset(%s) AS p(scenario_id bigint, step_key text, url text)
JOIN messaging_link l ON l.scenario_id = p.scenario_id AND l.step_key = p.step_key AND md5(l.url) = md5(p.url)
"""
# In one order for everybody, so that two writers of the same links queue and never deadlock.
_ADD = """
INSERT INTO messaging_link (scenario_id, step_key, url, created_at)
SELECT scenario_id, step_key, url, %s
FROM json_to_recordset(%s) AS p(scenario_id bigint, step_key text, url text)
ORDER BY scenario_id, step_key, md5(url)
ON CONFLICT (scenario_id, step_key, md5(url)) DO UPDATE SET step_key = EXCLUDED.step_key
RETURNING scenario_id, step_key, url, id
"""


def numbers(places: Collection[Place], now: datetime) -> dict[Place, int]:
    """The number of every link, new ones written in the caller's transaction: at most two queries."""
    if not places:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [as_json(place._asdict() for place in places)])
        found = {Place(*row[:3]): row[3] for row in cursor.fetchall()}
        if missing := set(places) - found.keys():
            cursor.execute(_ADD, [now, as_json(place._asdict() for place in missing)])
            found |= {Place(*row[:3]): row[3] for row in cursor.fetchall()}
    return found


def address(message_id: int, link_id: int) -> str:
    """What a message carries in place of a link."""
    return f"{settings.PUBLIC_URL}/r/{tokens.sign(Purpose.LINK, message_id, link_id)}"


@lru_cache(maxsize=20_000)
def target(link_id: int) -> str:
    """Where a link leads; never changes, so a process keeps it. Raises Link.DoesNotExist."""
    return Link.objects.values_list("url", flat=True).get(pk=link_id)


def counts(url: str) -> bool:
    """Whether an address is one of ours that counts by itself."""
    return url.startswith(f"{settings.PUBLIC_URL}/r/")
