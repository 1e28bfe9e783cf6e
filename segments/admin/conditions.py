"""The native form of every type of condition, in the drawer of whoever has it."""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as t

from segments.admin import owners, rule_editor
from segments.admin.drawer import DrawerAdmin
from segments.admin.forms import CONDITION_FORMS, ConditionForm
from segments.admin.owners import Owner
from segments.models import Condition
from segments.services import rule_tree
from segments.templatetags.segments import icon


class ConditionAdmin(DrawerAdmin):
    """A condition: added to the tree of `?owner=KIND:ID`, to the group `into` of it or to the outermost one."""

    def _owner(self, request: HttpRequest, obj: Any) -> Owner:
        if obj is not None and obj.pk:
            return owners.owner_of(obj)
        return owners.named(request.GET.get("owner", ""))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or self._owner(request, obj).visible(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return "owner" in request.GET and self._owner(request, None).editable(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self._owner(request, obj).editable(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:segments_segment_changelist"))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        condition = self.get_object(request, object_id)
        if condition is None:
            raise Http404
        owner = self._owner(request, condition)
        if not owner.visible(request):
            raise PermissionDenied
        return HttpResponseRedirect(owner.page())

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        extra = {"part_icon": icon(self.model), "show_history": False} | (extra_context or {})
        try:
            return super().changeform_view(request, object_id, form_url, extra)
        except rule_tree.RuleError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Condition, form: ModelForm, change: bool) -> None:
        owner = self._owner(request, obj if change else None)
        with owner.editing() as root:
            if change:
                place = rule_tree.find(root, obj.pk)
                before = place.condition.sentence()
                # Somebody may have moved it since the form was opened.
                obj.parent, obj.position = place.group, place.position
                obj.save()
                words = f"«{before}» → «{obj.sentence()}»"
            else:
                rule_tree.add(root, self._into(request) or root.pk, obj)
                words = t("Added a condition: «%(condition)s»") % {"condition": obj.sentence()}
        owner.note(request, words)

    def _into(self, request: HttpRequest) -> int:
        try:
            return rule_editor.number(request.GET.get("into"))
        except ValueError as error:
            raise Http404(str(error)) from None

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(self._owner(request, obj).page())

    response_post_save_change = response_post_save_add


def _conditional(form: type[ConditionForm]) -> dict[str, str]:
    """Which fields show when, for the admin theme. A reader's form has no fields, so the other may be undefined."""
    return {
        name: f"typeof {other} === 'undefined' || {json.dumps(list(values))}.includes({other})"
        for name, (other, values) in form.shown_when.items()
    }


for _kind, _form in CONDITION_FORMS.items():
    admin.site.register(
        _kind,
        ConditionAdmin,
        form=_form,
        fieldsets=((None, {"fields": _form.layout}),),
        conditional_fields=_conditional(_form),
    )
