"""Quests: progress is counted from the orders themselves, so news in any order gives the same (mechanics T36).

Counting happens in the transaction that changed the orders; rewards are posted by the job.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from loyalty.intake.facts import Fact
from loyalty.models import Quest, QuestProgress
from loyalty.money import major
from loyalty.services import ledger, stream
from loyalty.services.programme import current

SOURCE = "quest"
BATCH = 1000

_IN_CATEGORY = """JOIN loyalty_orderline l ON l.order_id = o.id
                  JOIN loyalty_product p ON p.id = l.product_id AND p.category_id = %(category)s"""
# Measure, and whether lines of one category alone count → how much an order table `o` is worth.
_VALUES = {
    (Quest.Measure.ORDERS, False): ("count(*)", ""),
    (Quest.Measure.ORDERS, True): ("count(DISTINCT o.id)", _IN_CATEGORY),
    (Quest.Measure.SUM, False): ("sum(o.total - o.refunded)", ""),
    # What came back is told for the order: it lowers these lines at most to what is left of the order.
    (Quest.Measure.SUM, True): ("sum(least(l.total, o.total - o.refunded))", _IN_CATEGORY),
    (Quest.Measure.CATEGORIES, False): (
        "count(DISTINCT p.category_id)",
        "JOIN loyalty_orderline l ON l.order_id = o.id JOIN loyalty_product p ON p.id = l.product_id",
    ),
}


def follow(order_ids: Iterable[int], client_ids: Iterable[int], now: datetime) -> None:
    """Counts the quests of those whose orders changed, and of `client_ids`; within the caller's transaction."""
    ids, others = list(order_ids), list(client_ids)
    if not ids and not others:
        return
    # News that come after a quest's end count no more, whenever the order was made.
    for quest in Quest.objects.filter(active=True, starts_at__lte=now, ends_at__gt=now).order_by("pk"):
        source = """SELECT client_id FROM loyalty_order WHERE id = ANY(%(orders)s) AND client_id IS NOT NULL
                    UNION SELECT unnest(%(clients)s::bigint[])"""
        _count(quest, source, {"orders": ids, "clients": others}, now, quiet=False)


def count_new(now: datetime) -> int:
    """Counts what was bought in a quest's period before it was saved; returns how many quests it counted.

    Nobody is told of progress that is no news; a quest that is completed is said.
    """
    counted = 0
    with transaction.atomic():
        quests = Quest.objects.select_for_update(skip_locked=True).filter(
            active=True, counted_at=None, starts_at__lte=now, ends_at__gt=now
        )
        for quest in quests:
            source = """SELECT DISTINCT client_id FROM loyalty_order
                        WHERE client_id IS NOT NULL AND ordered_at >= %(starts)s AND ordered_at < %(ends)s"""
            _count(quest, source, {}, now, quiet=True)
            quest.counted_at = now
            quest.save(update_fields=["counted_at"])
            counted += 1
    return counted


def _count(quest: Quest, clients: str, values: dict[str, Any], now: datetime, quiet: bool) -> None:
    value, joins = _VALUES[Quest.Measure(quest.measure), quest.category_id is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH who AS ({clients}),
                counted AS (
                  SELECT who.client_id, coalesce(b.value, 0)::bigint AS value
                  FROM who LEFT JOIN LATERAL (
                    SELECT {value} AS value FROM loyalty_order o {joins}
                    WHERE o.client_id = who.client_id AND o.status IN ('paid', 'part_refunded') AND NOT o.history
                      AND o.ordered_at >= %(starts)s AND o.ordered_at < %(ends)s
                      AND o.total - o.refunded >= %(least)s) AS b ON true),
                old AS (
                  SELECT client_id, value FROM loyalty_questprogress
                  WHERE quest_id = %(quest)s AND client_id IN (SELECT client_id FROM who)),
                changed AS (
                  INSERT INTO loyalty_questprogress AS q (quest_id, client_id, value, changes, changed_at, completed_at)
                  SELECT %(quest)s, c.client_id, c.value, 1, %(now)s, CASE WHEN c.value >= %(target)s THEN %(now)s END
                  FROM counted c LEFT JOIN old USING (client_id)
                  WHERE c.value > 0 OR old.client_id IS NOT NULL ORDER BY c.client_id
                  ON CONFLICT (quest_id, client_id) DO UPDATE SET
                    value = EXCLUDED.value, changes = q.changes + 1, changed_at = EXCLUDED.changed_at,
                    completed_at = EXCLUDED.completed_at
                  WHERE q.completed_at IS NULL AND q.value <> EXCLUDED.value
                  RETURNING id, client_id, value, changes, completed_at IS NOT NULL AS completed)
                SELECT changed.*, changed.value > coalesce(old.value, 0) AS rose
                FROM changed LEFT JOIN old USING (client_id)""",  # noqa: S608 (fixed texts of this module)
            values
            | {
                "quest": quest.pk,
                "category": quest.category_id,
                "starts": quest.starts_at,
                "ends": quest.ends_at,
                "least": quest.min_order or 1,
                "target": quest.target,
                "now": now,
            },
        )
        names = [column.name for column in cursor.description or ()]
        changed = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    told: list[tuple[Fact, int]] = []
    for row in changed:
        if row["completed"]:
            told.append(
                (Fact(f"quest-done:{row['id']}", "quest.completed", now, payload=_said(quest, row)), row["client_id"])
            )
        elif row["rose"] and not quiet:
            key = f"quest:{row['id']}:{row['changes']}"
            told.append((Fact(key, "quest.progress", now, payload=_said(quest, row)), row["client_id"]))
    stream.append(stream.platform(), [fact for fact, _client in told], [client for _fact, client in told], now)
    if any(row["completed"] for row in changed):
        nudge = import_string(settings.JOB_NUDGE)
        transaction.on_commit(partial(nudge, "loyalty.jobs.reward_quests", "default"), robust=True)


def _said(quest: Quest, row: dict[str, int]) -> dict[str, object]:
    """What an event of a quest says; sums as decimal text, as everywhere in payloads."""
    left = max(0, quest.target - row["value"])
    measured: dict[str, object] = {"value": row["value"], "target": quest.target, "left": left}
    if quest.measure == Quest.Measure.SUM:
        currency = current().currency
        measured = {name: f"{major(int(str(value)), currency):f}" for name, value in measured.items()}
        measured["currency"] = currency
    return measured | {
        "quest": quest.slug,
        "name": quest.name,
        "left_percent": -(-100 * left // quest.target),
        "reward": quest.reward,
    }


def reward_due(now: datetime, limit: int = BATCH) -> int:
    """Rewards those who completed a quest, each once; returns how many."""
    with transaction.atomic():
        done = list(
            QuestProgress.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("quest")
            .filter(completed_at__isnull=False, operation=None)
            .order_by("completed_at", "pk")[:limit]
        )
        zone = timezone.get_default_timezone()
        grants = [
            ledger.Grant(
                progress.client_id,
                progress.quest.reward,
                f"quest:{progress.pk}",
                now,
                ledger.lifetime_end(now, days, zone) if (days := progress.quest.lifetime_days) else None,
                progress.quest.name,
            )
            for progress in done
        ]
        posted = ledger.accrue_many(SOURCE, grants, now)
        for progress in done:
            progress.operation_id = posted[f"quest:{progress.pk}"]
        QuestProgress.objects.bulk_update(done, ["operation"], batch_size=500)
    return len(done)


def merge(guest: int, into: int) -> None:
    """What a guest completed stays completed for the client; the rest is counted anew from the orders."""
    mine = QuestProgress.objects.filter(client=into)
    theirs = QuestProgress.objects.filter(client=guest)
    theirs.filter(completed_at=None).delete()
    for progress in theirs:
        own = mine.filter(quest=progress.quest_id).first()
        if own is not None and own.completed_at is None:
            own.delete()
        elif own is not None:
            continue  # both completed it: two people, as far as anybody knew, and two rewards
        progress.client_id = into
        progress.save(update_fields=["client"])
