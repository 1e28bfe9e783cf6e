"""What is done with the rule of a dynamic segment: apply or discard its draft, compute anew. Asked by GET, done by
POST."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import ngettext

from loyalty.admin.base import grouped
from segments.admin.segment_owner import SegmentOwner
from segments.models import Segment
from segments.services import definition, dependencies, draft, rules
from segments.services.rule_tree import RuleError


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before a verb is done. `problem`: why it cannot be."""

    title: str
    label: str
    lines: tuple[str, ...] = ()
    problem: str = ""
    triggers: bool = False  # ask whether scenarios may react
    danger: bool = False


def ask_apply(segment: Segment) -> Question:
    """How many would enter and leave."""
    title, label = t("Apply the rule to «%(segment)s»?") % {"segment": segment.name}, t("Apply")
    if segment.draft_id is None:
        return Question(title, label, problem=t("There is nothing to apply: the rule was not changed."))
    root = rules.load([segment.draft_id])[segment.draft_id]
    try:
        dependencies.refuse_cycle(segment, root)
    except ValidationError as error:
        return Question(title, label, problem=" ".join(error.messages))
    impact = definition.impact(segment, root, timezone.now())
    lines = [
        ngettext("%(n)s client would enter", "%(n)s clients would enter", impact.enter) % {"n": grouped(impact.enter)},
        ngettext("%(n)s client would leave", "%(n)s clients would leave", impact.leave) % {"n": grouped(impact.leave)},
    ]
    if not root.members():
        lines.append(t("The rule has no conditions: every client is in the segment."))
    return Question(title, label, tuple(lines), triggers=bool(impact.enter or impact.leave))


def do_apply(request: HttpRequest, segment: Segment) -> str:
    """Applies the draft; returns the words for the history."""
    triggers = "triggers" in request.POST
    applied = draft.apply(segment.pk, timezone.now(), triggers=triggers)
    words = {"rule": rules.load([applied.rule_id])[applied.rule_id].sentence()}
    return (t("Applied the rule, scenarios react: %(rule)s") if triggers else t("Applied the rule: %(rule)s")) % words


def ask_discard(segment: Segment) -> Question:
    """Whether the changes are given up."""
    return Question(t("Discard the changes of the rule?"), t("Discard"), danger=True)


def do_discard(request: HttpRequest, segment: Segment) -> str:
    """Gives the draft up; returns the words for the history."""
    draft.discard(segment.pk)
    return t("Discarded the changes of the rule")


def ask_rebuild(segment: Segment) -> Question:
    """Whether all is computed anew."""
    words = t("It keeps itself true: this is needed only after a change past the platform, such as in the database.")
    return Question(t("Compute «%(segment)s» again?") % {"segment": segment.name}, t("Compute"), (words,))


def do_rebuild(request: HttpRequest, segment: Segment) -> str:
    """Asks for the rebuild; returns the words for the history."""
    definition.rebuild(segment, timezone.now())
    return t("Asked to be computed again")


VERBS: dict[str, tuple[Callable[[Segment], Question], Callable[[HttpRequest, Segment], str]]] = {
    "apply": (ask_apply, do_apply),
    "discard": (ask_discard, do_discard),
    "rebuild": (ask_rebuild, do_rebuild),
}


def verb_view(request: HttpRequest, object_id: int, verb: str, **context: Any) -> HttpResponse:
    """GET: the question, as a dialog's content for a script, else as a page. POST: does it, then the segment's page."""
    segment = get_object_or_404(Segment, pk=object_id)
    owner = SegmentOwner(segment)
    if not owner.editable(request):
        raise PermissionDenied
    ask, do = VERBS[verb]
    if request.method == "POST":
        try:
            owner.note(request, do(request, segment))
        except RuleError as error:
            messages.error(request, str(error))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(owner.page())
    shown = {"question": ask(segment), "action": reverse(f"admin:segments_segment_{verb}", args=[segment.pk])}
    shown |= {"back": owner.page(), "opts": Segment._meta}
    dialog = request.headers.get("X-Requested-With") == "fetch"
    return render(request, "segments/ask_form.html" if dialog else "segments/ask.html", context | shown)
