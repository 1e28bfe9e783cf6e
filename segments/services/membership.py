"""Joining and leaving static segments (semantics §43, §45)."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as t

from loyalty.intake.facts import Fact
from loyalty.services import stream
from segments.models import Segment


class FilledByRule(Exception):
    """A dynamic segment, in which nobody is put by hand; the text says so."""


def add(segment_id: int, clients: Mapping[int, int], now: datetime, *, triggers: bool = True) -> int:
    """Adds clients (id → chain depth of the event that follows) to a segment; returns how many were not in it.

    Set-based, in the caller's transaction; every entering is an event `segment.entered`, which starts scenarios unless
    `triggers` says otherwise. Raises FilledByRule.
    """
    if not clients:
        return 0
    slug = _slug(segment_id)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO segments_membership (segment_id, client_id, entered_at)
               SELECT %s, c, %s FROM unnest(%s::bigint[]) AS c ORDER BY c
               ON CONFLICT DO NOTHING RETURNING client_id, id""",
            [segment_id, now, sorted(clients)],
        )
        entered = cursor.fetchall()
        _tell("segment.entered", slug, entered, clients, now, triggers)
    return len(entered)


def remove(segment_id: int, clients: Mapping[int, int], now: datetime) -> int:
    """Removes clients from a segment; returns how many were in it. Every leaving is an event `segment.left`.

    Raises FilledByRule.
    """
    if not clients:
        return 0
    slug = _slug(segment_id)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM segments_membership WHERE id IN (
                 SELECT id FROM segments_membership WHERE segment_id = %s AND client_id = ANY(%s)
                 ORDER BY client_id FOR UPDATE)
               RETURNING client_id, id""",
            [segment_id, sorted(clients)],
        )
        left = cursor.fetchall()
        _tell("segment.left", slug, left, clients, now)
    return len(left)


def hand_over(guest: int, into: int) -> None:
    """Makes a guest's places in static segments those of the client whom the guest turned out to be.

    Nobody enters and nobody leaves by it: it was the same person all the time. Dynamic segments look by themselves.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # The first lock of whoever moves a client between several segments.
        cursor.execute("SELECT 1 FROM loyalty_client WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [[guest, into]])
        cursor.execute(
            """WITH gone AS (DELETE FROM segments_membership WHERE client_id = %s RETURNING segment_id, entered_at)
               INSERT INTO segments_membership (segment_id, client_id, entered_at)
               SELECT gone.segment_id, %s, gone.entered_at FROM gone JOIN segments_segment s ON s.id = gone.segment_id
               WHERE s.kind = 'static' ORDER BY gone.segment_id ON CONFLICT DO NOTHING""",
            [guest, into],
        )


def _slug(segment_id: int) -> str:
    segment = Segment.objects.only("slug", "name", "kind").get(pk=segment_id)
    if segment.is_dynamic:
        raise FilledByRule(t("«%(segment)s» is filled by its rule: choose a static segment.") % {"segment": segment})
    return segment.slug


def _tell(
    name: str, slug: str, rows: list[tuple[int, int]], depths: Mapping[int, int], now: datetime, triggers: bool = True
) -> None:
    if not rows:
        return
    facts = [
        Fact(
            external_id=f"{name}:{membership_id}",
            name=name,
            occurred_at=now,
            payload={"segment": slug},
            depth=depths[client_id],
            triggers=triggers,
        )
        for client_id, membership_id in rows
    ]
    stream.append(stream.platform(), facts, [client_id for client_id, _ in rows], now)
