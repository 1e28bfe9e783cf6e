"""What a dynamic segment is defined by: its rule, and what changing it would do (semantics §43, §45)."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as t

from segments.models import Group, Segment
from segments.services import dependencies, evaluate, rules

# Whoever changes a definition holds this: two changes at once must not make a circle of rules.
_DEFINITIONS = 0x5E6D


@dataclass(frozen=True, slots=True)
class Impact:
    """How many clients a rule would bring into a segment and take out of it."""

    enter: int
    leave: int


def impact(segment: Segment, rule: Group, now: datetime) -> Impact:
    """What saving `rule` (itself saved or not) as the definition would do at `now` (UTC): exact, whatever it takes.

    A segment that is not saved yet has no members.
    """
    sql, values = evaluate.selection(rule, now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH fit AS MATERIALIZED ({sql}),
                 member AS MATERIALIZED (SELECT client_id FROM segments_membership WHERE segment_id = %s)
               SELECT (SELECT count(*) FROM fit WHERE NOT EXISTS (SELECT FROM member WHERE client_id = fit.id)),
                      (SELECT count(*) FROM member WHERE NOT EXISTS (SELECT FROM fit WHERE id = member.client_id))""",  # noqa: S608
            [*values, segment.pk or 0],
        )
        return Impact(*cursor.fetchone())


def define(segment: Segment, rule: Group, now: datetime, *, triggers: bool = False) -> Segment:
    """Saves the segment, new or not, as a dynamic one with a copy of `rule` (itself saved or not) as its rule.

    The queue `segments` computes it again as of `now` (UTC) or later; what enters and leaves by that starts
    scenarios only if `triggers` (semantics §45). Raises ValidationError where the rule leads back to the segment,
    with the path, and for a static segment that exists.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_DEFINITIONS])
        replaced = None
        if not segment._state.adding:
            known = Segment.objects.select_for_update(no_key=True).get(pk=segment.pk)
            if not known.is_dynamic:
                raise ValidationError({"kind": t("A static segment cannot become a dynamic one: make a new segment.")})
            replaced = known.rule
        dependencies.refuse_cycle(segment, rule)
        segment.kind, segment.rule = Segment.Kind.DYNAMIC, rules.store(rule)  # type: ignore[assignment]  # a Group's
        segment.rebuild_at, segment.quiet, segment.error = now, not triggers, ""
        told = ("name", "slug", "colour", "kind", "rule", "rebuild_at", "quiet", "error")
        segment.save(update_fields=None if segment._state.adding else told)
        if replaced is not None:
            rules.discard(replaced.pk)
        _wake()
    return segment


def rebuild(segment: Segment, now: datetime) -> None:
    """Asks the queue `segments` to compute the whole of a dynamic segment again (on demand)."""
    Segment.objects.filter(pk=segment.pk, kind=Segment.Kind.DYNAMIC).update(rebuild_at=now)
    _wake()


def delete(segment: Segment) -> None:
    """Deletes a segment with its members, its rule and its draft. Raises ProtectedError where something needs it."""
    with transaction.atomic():
        trees = segment.rule_id, segment.draft_id
        segment.delete()
        rules.discard(*trees)


def _wake() -> None:
    wake = import_string(settings.JOB_NUDGE)
    transaction.on_commit(lambda: wake("segments.jobs.refresh", "segments"), robust=True)
