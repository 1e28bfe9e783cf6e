"""Conditions of branches and triggers: a list with a mode in their owner's form, each with its own native form."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from scenarios.admin.parts import PartAdmin, number
from scenarios.models import Branch, Scenario, Trigger
from scenarios.services import cards, tree
from segments.admin.forms import CONDITION_FORMS, ConditionForm
from segments.conditions import MenuGroup
from segments.models import Condition, Group

Owner = Branch | Trigger


def owner_of(group_id: int | None) -> Owner:
    """The branch or trigger whose conditions these are. Raises Http404."""
    for kind in (Branch, Trigger):
        owner = kind.objects.filter(conditions=group_id).first() if group_id else None
        if owner is not None:
            return owner
    raise Http404("these conditions belong to no branch or trigger")


def form_of(owner: Owner) -> str:
    """The address of the owner's form in the drawer."""
    options = owner._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[owner.pk])
    return f"{address}?{IS_POPUP_VAR}=1"


class OwnerForm(forms.ModelForm):
    """A branch or trigger, with the mode of its conditions."""

    mode = forms.ChoiceField(
        label=_("The conditions hold when"), choices=Group.Mode.choices, required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        group = self.instance.conditions
        self.initial.setdefault("mode", group.mode if group else Group.Mode.ALL)


class OwnerAdmin(PartAdmin):
    """The form of a branch or trigger: with the mode of its conditions, and their list below."""

    form = OwnerForm

    def has_conditions(self, obj: Any) -> bool:
        """Whether the part may have conditions; a new one gets them once it is saved."""
        return obj is not None and obj.pk is not None

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        shown = self.has_conditions(obj) and self.has_change_permission(request, obj)
        return (*fieldsets, (_("Conditions"), {"fields": ("mode",)})) if shown else fieldsets

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if self.has_conditions(obj):
            group = cards.load_groups([obj.conditions_id]).get(obj.conditions_id) if obj.conditions_id else None
            query = f"{IS_POPUP_VAR}=1&{'trigger' if isinstance(obj, Trigger) else 'branch'}={obj.pk}"
            context["conditions"] = {
                "listed": [
                    {"sentence": member.sentence(), "url": _change_url(member), "pk": member.pk}
                    for member in (group.members() if group else ())
                ],
                "menu": [
                    {
                        "label": menu_group.label,
                        "types": [
                            {"label": kind._meta.verbose_name, "url": f"{_add_url(kind)}?{query}"}
                            for kind in CONDITION_FORMS
                            if kind.menu_group == menu_group
                        ],
                    }
                    for menu_group in MenuGroup
                ],
                "remove_url": reverse("admin:scenarios_condition_delete"),
                "editable": self.has_change_permission(request, obj),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_changed(self, request: HttpRequest, obj: Any, form: forms.ModelForm) -> None:
        obj.save()
        mode = form.cleaned_data.get("mode")
        if mode and (obj.conditions or mode != Group.Mode.ALL):
            group = tree.ensure_group(obj)
            group.mode = mode
            group.save(update_fields=["mode"])


def _add_url(kind: type[models.Model]) -> str:
    return reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_add")


def _change_url(condition: Condition) -> str:
    kind = type(condition)._meta
    return reverse(f"admin:{kind.app_label}_{kind.model_name}_change", args=[condition.pk]) + f"?{IS_POPUP_VAR}=1"


@admin.register(Branch)
class BranchAdmin(OwnerAdmin):
    """A branch of a fork: its header."""

    fieldsets = ((None, {"fields": ("label",)}),)

    def scenario_of(self, request: HttpRequest, obj: Any) -> Scenario:
        if obj is None:
            raise Http404("branches are added on the map")
        return obj.scenario

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_conditions(self, obj: Any) -> bool:
        return super().has_conditions(obj) and not obj.is_default and obj.fork_id is not None

    def words(self, obj: Branch) -> str:
        group = cards.load_groups([obj.conditions_id]).get(obj.conditions_id) if obj.conditions_id else None
        return cards.Way(obj, group).title()


class ConditionAdmin(PartAdmin):
    """A condition: added to a branch or trigger, `?branch=ID` or `?trigger=ID`. Its owner's form comes after it."""

    def _owner(self, request: HttpRequest, obj: Any) -> Owner:
        if obj is not None and obj.parent_id:
            return owner_of(obj.parent_id)
        if "trigger" in request.GET:
            return get_object_or_404(Trigger, pk=number(request, "trigger"))
        return get_object_or_404(Branch, pk=number(request, "branch"))

    def scenario_of(self, request: HttpRequest, obj: Any) -> Scenario:
        return self._owner(request, obj).scenario

    def insert(self, request: HttpRequest, obj: Condition) -> str:
        owner = self._owner(request, None)
        tree.add_condition(owner, obj)
        return t("Added a condition: «%(condition)s»") % {"condition": obj.sentence()}

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(form_of(self._owner(request, obj)))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(form_of(self._owner(request, obj)))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["back_url"] = form_of(self._owner(request, kwargs.get("obj")))
        return super().render_change_form(request, context, *args, **kwargs)


def _conditional(form: type[ConditionForm]) -> dict[str, str]:
    """Which fields show when, for the admin theme. A reader's form has no fields, so the other may be undefined."""
    return {
        name: f"typeof {other} === 'undefined' || {json.dumps(list(values))}.includes({other})"
        for name, (other, values) in form.shown_when.items()
    }


for _kind, _form in CONDITION_FORMS.items():
    _members = {
        "form": _form,
        "fieldsets": ((None, {"fields": _form.layout}),),
        "conditional_fields": _conditional(_form),
    }
    admin.site.register(_kind, type(f"{_kind.__name__}Admin", (ConditionAdmin,), _members))
