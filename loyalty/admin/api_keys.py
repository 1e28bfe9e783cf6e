"""Keys of the REST API: made, narrowed, switched off. A key is shown once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from loyalty.models import ApiKey, Source
from loyalty.models.api_key import SCOPES
from loyalty.services import api_keys


class ApiKeyForm(forms.ModelForm):
    """A key: what it may do, and for whom it speaks."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Give only what the caller needs: read to look, write to change."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "source" in self.fields:
            source: Any = self.fields["source"]
            source.required = False
            source.queryset = Source.objects.exclude(kind=Source.Kind.PLATFORM).defer("secret")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys of tills, apps and sites."""

    form = ApiKeyForm
    list_display = ("name", "begins", "source", "may", "active", "last_used_at", "expires_at")
    list_filter = ("active",)
    list_select_related = ("source",)
    ordering = ("name",)
    fields = ("name", "source", "scopes", "rate", "expires_at", "active")
    actions = None
    compressed_fields = False

    # What a key posted names it: it is switched off, not deleted.
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("name", "source") if obj else ()

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["scopes", "rate", "expires_at", "active"])
            return
        source = form.cleaned_data["source"]
        made, secret = api_keys.create(
            obj.name,
            form.cleaned_data["scopes"],
            timezone.now(),
            source_slug=source.slug if source else "",
            expires_at=obj.expires_at,
        )
        ApiKey.objects.filter(pk=made.pk).update(rate=obj.rate, active=obj.active)
        obj.pk, obj.source, obj._state.adding = made.pk, made.source, False
        obj.shown_once = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": obj.name,
            "opts": self.opts,
            "key": obj,
            "secret": getattr(obj, "shown_once", ""),
        }
        answer = render(request, "loyalty/api_key.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    @display(description=_("begins with"))
    def begins(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description=_("scopes"))
    def may(self, key: ApiKey) -> str:
        return t("all") if set(key.scopes) == set(SCOPES) else ", ".join(key.scopes)
