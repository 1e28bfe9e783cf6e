"""Finding messages by what somebody has at hand."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q, QuerySet

from messaging.models import Message, Status


def message_ids(text: str, limit: int = 200) -> list[int]:
    """Ids of messages whose own id or provider's id is `text`, at most `limit`."""
    text = text.strip().replace("\x00", "")[:200]
    if not text:
        return []
    query = Q(provider_id=text)
    if text.isascii() and text.isdecimal() and len(text) < 18:
        query |= Q(pk=int(text))
    return list(Message.objects.filter(query).values_list("pk", flat=True)[:limit])


# Columns with an index in the order of ids, the most telling first.
INDEXED = ("scenario_id", "reason", "channel")
TROUBLES = (Status.FAILED, Status.UNKNOWN)


def to_look_through(asked: Mapping[str, str], bounds: Q) -> QuerySet[Message] | None:
    """The messages among which to look for what is asked, in the order of an index; None: that index answers it all.

    `asked`: values by column, and whatever else is asked by any name. `bounds`: ids between which all of it is.
    """
    rows, name = Message.objects.filter(bounds), next((name for name in INDEXED if name in asked), "")
    if asked.get("status") in TROUBLES:
        # One index holds both.
        return rows.filter(status__in=TROUBLES)
    if not name:
        return rows
    if name == "scenario_id" and not asked[name].isdecimal():
        return None
    return None if asked.keys() == {name} else rows.filter(**{name: asked[name]})


# Messages are written in the order of their ids, but for what long transactions and clocks of machines differ.
DISORDER = timedelta(hours=1)


def id_bounds(since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
    """Ids between which the messages written from `since` (UTC) to before `until` are: from the first to before the
    second. None: open. So a list in the order of ids needs no index on the time, and its other indexes serve.
    """
    return _first_id(since - DISORDER) if since else None, _first_id(until + DISORDER) if until else None


def _first_id(at: datetime) -> int:
    """The first id of a message written at `at` or later; by halving: some thirty looks by id."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_ID, {"at": at})
        return int(cursor.fetchone()[0])


_FIRST_ID = """WITH RECURSIVE halving(low, high) AS (
  SELECT coalesce(min(id), 0), coalesce(max(id), 0) + 1 FROM messaging_message
  UNION ALL
  SELECT CASE WHEN m.created_at < %(at)s THEN m.id + 1 ELSE low END,
         CASE WHEN m.created_at < %(at)s THEN high ELSE (low + high) / 2 END
  FROM halving CROSS JOIN LATERAL (
    SELECT id, created_at FROM messaging_message WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1) AS m
  WHERE low < high)
SELECT low FROM halving ORDER BY high - low LIMIT 1"""
