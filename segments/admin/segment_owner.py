"""A dynamic segment as an owner of conditions: its tree is the draft of its rule."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as t

from segments.admin import owners
from segments.models import Group, Segment
from segments.services import draft


@owners.register
class SegmentOwner(owners.Owner):
    """The draft where there is one, else the rule."""

    kind = "segment"
    model = Segment

    @classmethod
    def by_root(cls, root_id: int) -> Self | None:
        row = Segment.objects.filter(Q(draft=root_id) | Q(rule=root_id)).first()
        return cls(row) if row is not None else None

    def root_id(self) -> int | None:
        return self.row.draft_id or self.row.rule_id

    @contextmanager
    def editing(self) -> Iterator[Group]:
        with draft.editing(self.row.pk) as root:
            yield root

    def visible(self, request: HttpRequest) -> bool:
        return request.user.has_perm("segments.view_segment") or request.user.has_perm("segments.change_segment")

    def editable(self, request: HttpRequest) -> bool:
        return self.row.is_dynamic and request.user.has_perm("segments.change_segment")

    def note(self, request: HttpRequest, words: str) -> None:
        LogEntry.objects.log_actions(request.user.pk, [self.row], CHANGE, words, single_object=True)

    def pending(self) -> dict[str, Any] | None:
        new = self.row.rule_id is None
        if self.row.draft_id is None:
            return {"words": t("The segment is empty: say below who is in it.")} if new else None
        words = t("The segment is empty until its rule is applied.") if new else t("The changed rule does not act yet.")
        return {
            "words": words,
            "apply_url": reverse("admin:segments_segment_apply", args=[self.row.pk]),
            "discard_url": reverse("admin:segments_segment_discard", args=[self.row.pk]),
        }
