"""The draft of a dynamic segment's rule: what is edited does not act until it is applied (semantics §43).

The draft is a tree of its own beside the rule. It begins as what the rule says, with the first edit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as t

from segments.models import Group, Segment
from segments.services import definition, rules
from segments.services.rule_tree import RuleError


@contextmanager
def editing(segment_id: int) -> Iterator[Group]:
    """Holds the segment and gives its draft, loaded, to be changed by `rule_tree`; begins one where there is none.

    The rows that were the rule become the draft, and the rule a copy of them: so whoever has the rule on the screen
    edits what it names. Raises RuleError where the segment has no rule, or is gone.
    """
    with transaction.atomic():
        segment = _held(segment_id)
        if segment.draft_id is None:
            if segment.rule_id is None:
                segment.draft = Group.objects.create()
            else:
                rule = rules.load([segment.rule_id])[segment.rule_id]
                segment.rule, segment.draft = rules.store(rule), rule  # type: ignore[assignment]  # a Group's copy
            segment.save(update_fields=["rule", "draft"])
        yield rules.load([segment.draft_id])[segment.draft_id]  # type: ignore[list-item,index]  # it has one now


def apply(segment_id: int, now: datetime, *, triggers: bool) -> Segment:
    """Makes the draft the rule; the queue `segments` computes who is in from then on. `triggers`: scenarios hear of it.

    Raises RuleError where there is no draft, and ValidationError where the rule leads back to the segment.
    """
    with transaction.atomic():
        segment = _held(segment_id)
        if segment.draft_id is None:
            raise RuleError(t("There is nothing to apply: the rule was not changed."))
        draft = rules.load([segment.draft_id])[segment.draft_id]
        definition.define(segment, draft, now, triggers=triggers)
        _drop(segment)
    return segment


def discard(segment_id: int) -> None:
    """Gives the draft up: the rule stays as it is. Raises RuleError where the segment is gone."""
    with transaction.atomic():
        _drop(_held(segment_id))


def _drop(segment: Segment) -> None:
    draft_id, segment.draft = segment.draft_id, None
    segment.save(update_fields=["draft"])
    rules.discard(draft_id)


def _held(segment_id: int) -> Segment:
    segment = Segment.objects.select_for_update(no_key=True).filter(pk=segment_id).first()
    if segment is None:
        raise RuleError(t("This segment no longer exists."))
    if not segment.is_dynamic:
        raise RuleError(t("A static segment has no rule."))
    return segment
