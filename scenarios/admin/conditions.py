"""Conditions of branches and triggers: the shared tree in their owner's form, and who may change it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from scenarios.admin import history
from scenarios.admin.parts import PartAdmin, editable, visible
from scenarios.models import Branch, Forking, Scenario, Trigger
from scenarios.services import cards, tree
from segments.admin import owners, rule_editor
from segments.models import Group


class _OfScenario(owners.Owner):
    """Whoever has conditions in a scenario: the scenario is held, permitted and written about."""

    @contextmanager
    def editing(self) -> Iterator[Group]:
        with tree.editing_conditions(self.row) as root:
            yield root

    def visible(self, request: HttpRequest) -> bool:
        return visible(request)

    def editable(self, request: HttpRequest) -> bool:
        return editable(request, self.row.scenario)

    def note(self, request: HttpRequest, words: str) -> None:
        history.note(request, self.row.scenario, words)

    def page(self) -> str:
        return reverse("admin:scenarios_scenario_change", args=[self.row.scenario_id])


@owners.register
class BranchOwner(_OfScenario):
    """A branch of a fork."""

    kind = "branch"
    model = Branch


@owners.register
class TriggerOwner(_OfScenario):
    """A trigger."""

    kind = "trigger"
    model = Trigger


class OwnerForm(forms.ModelForm):
    """The form of a branch or trigger."""


class OwnerAdmin(PartAdmin):
    """The form of a branch or trigger: with the tree of its conditions below."""

    form = OwnerForm

    class Media:
        js = ("segments/drawer.js", "segments/rule.js", "segments/preview.js")
        css = {"all": ("segments/rule.css",)}

    def has_conditions(self, obj: Any) -> bool:
        """Whether the part may have conditions."""
        return True

    def owner(self, obj: Any) -> owners.Owner:
        """The part as an owner of conditions."""
        return BranchOwner(obj) if isinstance(obj, Branch) else TriggerOwner(obj)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if not self.has_conditions(obj):
            return super().render_change_form(request, context, *args, **kwargs)
        if obj is None:
            context["rule"] = rule_editor.context_of_new(f"{self.opts.model_name}_form", _("Only if"))
        else:
            owner = self.owner(obj)
            context["rule"] = rule_editor.context(request, owner, _("Only if"))
            context["rule"]["open"] = rule_editor.opened_first(owner, request.GET.get("condition", ""))
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """A new part whose first condition was chosen is saved and stays open, the condition's form on top."""
        condition = request.POST.get("_condition", "")
        if not condition or not rule_editor.opened_first(self.owner(obj), condition):
            return super().response_add(request, obj, post_url_continue)
        options = obj._meta
        address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[obj.pk])
        return HttpResponseRedirect(f"{address}?{IS_POPUP_VAR}=1&condition={condition}")


@admin.register(Branch)
class BranchAdmin(OwnerAdmin):
    """A branch of a fork: its header."""

    fieldsets = ((None, {"fields": ("label",)}),)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        weighed = isinstance(obj.fork, Forking) and obj.fork.ways_have_weights
        return ((None, {"fields": ("label", "weight")}), *fieldsets[1:]) if weighed else fieldsets

    def scenario_of(self, request: HttpRequest, obj: Any) -> Scenario:
        if obj is None:
            raise Http404("branches are added on the map")
        return obj.scenario

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_conditions(self, obj: Any) -> bool:
        asks = obj is not None and isinstance(obj.fork, Forking) and obj.fork.decided_by_conditions
        return asks and not obj.is_default

    def words(self, obj: Branch) -> str:
        return cards.Way(obj, BranchOwner(obj).root(), fork=obj.fork).title()
