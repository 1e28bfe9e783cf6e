"""What the native forms of a scenario's parts (steps, triggers, branches) have in common.

They open in the drawer of the map. A part has no list, no page and no permission of its own: who may
change the scenario may change its parts. Deleting is the map's, which asks first.
"""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from scenarios.admin import history
from scenarios.models import Scenario
from scenarios.services import tree
from segments.admin.drawer import DrawerAdmin


def editable(request: HttpRequest, scenario: Scenario | None = None) -> bool:
    """Whether the user may change this scenario's draft (any scenario's, where none is given)."""
    if scenario is not None and scenario.status == Scenario.Status.ARCHIVED:
        return False
    return request.user.has_perm("scenarios.change_scenario")


def visible(request: HttpRequest) -> bool:
    """Whether the user may see scenarios."""
    return request.user.has_perm("scenarios.view_scenario") or request.user.has_perm("scenarios.change_scenario")


def number(request: HttpRequest, name: str) -> int:
    """A whole number of the query string; anything else is a 404, like an address that does not exist."""
    try:
        value = int(request.GET.get(name, ""))
    except ValueError:
        raise Http404(f"{name}: a whole number is needed") from None
    if not 0 <= value < 2**31:
        raise Http404(f"{name}: out of range")
    return value


class PartAdmin(DrawerAdmin):
    """The form of one kind of part."""

    class Media:
        css = {"all": ("scenarios/map.css",)}

    def scenario_of(self, request: HttpRequest, obj: models.Model | None) -> Scenario:
        """The scenario that the part belongs to; of a new one, by the query string. Raises Http404."""
        raise NotImplementedError

    def insert(self, request: HttpRequest, obj: Any) -> str:
        """Saves a new part where the query string says; returns the words for the history."""
        raise NotImplementedError

    def save_changed(self, request: HttpRequest, obj: Any, form: ModelForm) -> None:
        """Saves a changed part. The scenario is held."""
        obj.save()

    def words(self, obj: Any) -> str:
        """The part in words, for the history."""
        return str(obj.sentence())

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return visible(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return editable(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return editable(request, self.scenario_of(request, obj) if obj else None)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:scenarios_scenario_changelist"))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        part = self.get_object(request, object_id)
        if part is None:
            raise Http404
        return HttpResponseRedirect(
            reverse("admin:scenarios_scenario_history", args=[self.scenario_of(request, part).pk])
        )

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if object_id is None and not editable(request, self.scenario_of(request, None)):
            raise PermissionDenied
        extra = {"part_icon": getattr(self.model, "icon", "rule"), "show_history": False} | (extra_context or {})
        try:
            return super().changeform_view(request, object_id, form_url, extra)
        except tree.TreeError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        if not change:
            words = self.insert(request, obj)
            history.note(request, self.scenario_of(request, obj), words)
            return
        before = self.words(type(obj)._base_manager.get(pk=obj.pk))
        with tree.editing(self.scenario_of(request, obj).pk) as scenario:
            self.save_changed(request, obj, form)
        after = self.words(obj)
        history.note(request, scenario, f"«{before}» → «{after}»" if before != after else f"«{after}» …")

    def back(self, request: HttpRequest, obj: Any) -> str:
        """Where to go from a form that is no popup."""
        return reverse("admin:scenarios_scenario_change", args=[self.scenario_of(request, obj).pk])

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(self.back(request, obj))

    response_post_save_change = response_post_save_add
