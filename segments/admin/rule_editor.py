"""The tree of conditions: what it shows, and the view that its buttons post to. One for whoever has conditions."""

from typing import Any

from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as t
from django.views.decorators.http import require_http_methods

from loyalty.admin.base import may_see_clients
from segments.admin import owners, rule_preview
from segments.admin.forms import CONDITION_FORMS
from segments.admin.owners import Owner
from segments.conditions import MenuGroup
from segments.models import Condition, Group
from segments.services import rule_tree
from segments.templatetags.segments import icon

# Refusals are told to the page's script as plain text.
PLAIN = "text/plain; charset=utf-8"


def context(request: HttpRequest, owner: Owner, title: Any = "") -> dict[str, Any]:
    """What the template `segments/rule.html` needs of an owner that is saved."""
    return {
        "title": title,
        "owner": owner,
        "url": owner.url("rule"),
        "root": owner.root() or _empty(),
        "editable": owner.editable(request),
        "modes": Group.Mode.choices,
        "menu": menu(f"{IS_POPUP_VAR}=1&owner={owner.name}"),
        "pending": owner.pending(),
        "preview_url": owner.url("rule_preview"),
        "why_url": owner.url("rule_why") if may_see_clients(request) else "",
    }


def context_of_new(form: str, title: Any = "") -> dict[str, Any]:
    """The same for an owner that is not saved yet: choosing a condition saves the owner's form, by its id, first."""
    return {
        "title": title,
        "form": form,
        "root": _empty(),
        "editable": True,
        "modes": Group.Mode.choices,
        "menu": menu(""),
    }


def _empty() -> Group:
    group = Group()
    group.attached_members = []
    return group


def menu(query: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """The types that can be added, under the headings that they name, in the order of the types."""
    found: dict[MenuGroup, list[dict[str, Any]]] = {heading: [] for heading in MenuGroup}
    for kind in CONDITION_FORMS:
        item = {
            "url": f"{add_url(kind)}?{query}" if query else kind._meta.model_name,
            "icon": icon(kind),
            "label": kind._meta.verbose_name,
        }
        found[kind.menu_group].append(item)
    return [(str(heading.label), types) for heading, types in found.items() if types]


def add_url(kind: type[Condition]) -> str:
    """The address of the form for a new condition of a type."""
    return reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_add")


def opened_first(owner: Owner, model_name: str) -> str:
    """The address of the form of a condition that was chosen while its owner was new; empty for a type that is none."""
    kind = next((kind for kind in CONDITION_FORMS if kind._meta.model_name == model_name), None)
    return f"{add_url(kind)}?{IS_POPUP_VAR}=1&owner={owner.name}" if kind else ""


@require_http_methods(["GET", "POST"])
def rule_view(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """GET: the tree. POST: one edit, then the tree as it is now.

    Edits: `verb` add-group (`into`), mode (`into`, `mode`), up, down or delete (`id`). Without `into` the outermost
    group is meant. A refusal is 409 with its words; a call that no page makes is 400.
    """
    owner = owners.owner(kind, pk)
    if not owner.visible(request):
        raise PermissionDenied
    if request.method == "POST":
        if not owner.editable(request):
            raise PermissionDenied
        try:
            words = _edit(owner, request.POST.get("verb", ""), request)
        except ValueError as error:
            return HttpResponseBadRequest(str(error), content_type=PLAIN)
        except rule_tree.RuleError as error:
            return HttpResponse(str(error), status=409, content_type=PLAIN)
        owner.note(request, words)
        owner = owners.owner(kind, pk)
    return render(request, "segments/rule_tree.html", {"rule": context(request, owner)})


def _edit(owner: Owner, verb: str, request: HttpRequest) -> str:
    """Makes an edit; returns its words for the history. Raises ValueError, naming the field, and RuleError."""
    if verb == "add-group":
        with owner.editing() as root:
            rule_tree.add(root, number(request.POST.get("into")) or root.pk, Group(mode=_inner_mode(root)))
        return t("Added a group of conditions")
    if verb == "mode":
        with owner.editing() as root:
            group = rule_tree.set_mode(root, number(request.POST.get("into")) or root.pk, request.POST.get("mode", ""))
        return t("The conditions hold when: %(mode)s") % {"mode": group.get_mode_display()}
    condition_id = number(request.POST.get("id"))
    if verb == "delete":
        with owner.editing() as root:
            sentence = rule_tree.find(root, condition_id).condition.sentence()
            rule_tree.delete(root, condition_id)
        return t("Deleted a condition: «%(condition)s»") % {"condition": sentence}
    if verb in ("up", "down"):
        with owner.editing() as root:
            place = rule_tree.shift(root, condition_id, -1 if verb == "up" else 1)
        return t("Moved a condition: «%(condition)s»") % {"condition": place.condition.sentence()}
    raise ValueError("verb: there is no such edit")


def _inner_mode(root: Group) -> str:
    """What an inner group is made for: the other of ALL and ANY."""
    return Group.Mode.ALL if root.mode == Group.Mode.ANY else Group.Mode.ANY


def number(text: str | None) -> int:
    """An id that was posted; 0 where none was. Raises ValueError, naming the field."""
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 18:
        raise ValueError("id: a whole number is needed")
    return int(text)


def urls(wrap: Any) -> list[URLPattern]:
    """The addresses of the views, under the list of segments."""
    return [
        path("rules/<slug:kind>/<int:pk>/", wrap(rule_view), name="segments_rule"),
        path("rules/<slug:kind>/<int:pk>/preview/", wrap(rule_preview.preview_view), name="segments_rule_preview"),
        path("rules/<slug:kind>/<int:pk>/why/", wrap(rule_preview.why_view), name="segments_rule_why"),
    ]
