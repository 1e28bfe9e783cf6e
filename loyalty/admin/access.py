"""Gifts and accesses that clients hold."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from loyalty.admin.base import BigTableAdmin, link
from loyalty.models import AccessGrant
from loyalty.services import access
from loyalty.services.promo import normalise


class GrantForm(forms.ModelForm):
    """A new grant. With neither code nor link a code is made."""

    def clean_ends_at(self) -> Any:
        ends_at = self.cleaned_data["ends_at"]
        if ends_at and ends_at <= timezone.now():
            raise forms.ValidationError(_("This has passed."))
        return ends_at

    def clean_code(self) -> str:
        code = self.cleaned_data["code"]
        if code and not normalise(code):
            raise forms.ValidationError(_("A code needs letters or digits."))
        if code and AccessGrant.objects.filter(normal=normalise(code)[:64]).exists():
            raise forms.ValidationError(_("Another gift or access has this code."))
        return code


@admin.register(AccessGrant)
class AccessGrantAdmin(BigTableAdmin):
    """Gifts and accesses: granted and revoked by staff, never rewritten."""

    form = GrantForm
    list_display = ("granted_at", "who", "kind", "name", "code", "ends_at", "state")
    list_select_related = ("client",)
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_filter_submit = True
    search_help_text = _("A code, or a phone, e-mail or id of a client")
    raw_id_fields = ("client",)
    compressed_fields = False
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("loyalty.add_accessgrant")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("loyalty.change_accessgrant")

    def get_fields(self, request: HttpRequest, obj: AccessGrant | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("client", "kind", "name", "code", "link", "ends_at", "reason")
        return (
            "who",
            "kind",
            "name",
            "code",
            "link",
            "granted_at",
            "ends_at",
            "ended_at",
            "revoked",
            "reason",
            "source",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: AccessGrant | None = None) -> tuple[str, ...]:
        return ("who",) if obj else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AccessGrant], search_term: str
    ) -> tuple[QuerySet[AccessGrant], bool]:
        normal = normalise(search_term)
        if normal and AccessGrant.objects.filter(normal=normal).exists():
            return queryset.filter(normal=normal), False
        return super().get_search_results(request, queryset, search_term)

    def save_model(self, request: HttpRequest, obj: AccessGrant, form: forms.ModelForm, change: bool) -> None:
        made = access.grant(
            "staff",
            access.Access(obj.client_id, obj.name, str(uuid4()), obj.ends_at, obj.kind, obj.code, obj.link, obj.reason),
            timezone.now(),
        )
        obj.pk, obj._state.adding = made.pk, False

    @action(description=_("Revoke the selected"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[AccessGrant]) -> None:
        done = 0
        for each in queryset.order_by("pk"):
            if access.revoke(each.pk, timezone.now()):
                self.log_change(request, each, t("Revoked"))
                done += 1
        messages.success(request, t("Revoked: %(n)d.") % {"n": done})

    @display(description=_("client"))
    def who(self, each: AccessGrant) -> SafeString | str:
        return link(each.client)

    @display(description=_("state"), label={"holds": "success", "over": "default", "revoked": "danger"})
    def state(self, each: AccessGrant) -> tuple[str, str]:
        if each.revoked:
            return "revoked", t("revoked")
        if each.ends_at and each.ends_at <= timezone.now():
            return "over", t("over")
        return "holds", t("in force")
