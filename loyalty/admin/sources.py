"""Sources with their keys, and the deliveries that were refused."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget

from loyalty.admin.base import ReadOnlyAdmin
from loyalty.admin.events import SourceFilter
from loyalty.admin.show import pairs_table
from loyalty.intake.delivery import UnknownTopic
from loyalty.intake.facts import Refused
from loyalty.models import RefusedDelivery, Source
from loyalty.services import refused, sources

# What staff say of a source beside its name and key.
_ASKED = ("currency", "phone_region", "confirm_consents", "active")


class SourceForm(forms.ModelForm):
    """A source. The secret goes in and never comes out."""

    new_secret = forms.CharField(
        label=_("Secret"),
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("The key that the shop signs or writes with. Empty: one is made. It is never shown again."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            kinds = [(kind.value, kind.label) for kind in sources.OUTSIDE]
            self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        if self.instance.pk:
            self.fields["new_secret"].help_text = _("Stored and never shown. Empty: it stays as it is.")


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    """Systems that tell what clients do."""

    form = SourceForm
    list_display = ("named", "kind", "address", "active", "refusals")
    list_filter = ("kind", "active")
    fields = ("kind", "slug", "name", "new_secret", "currency", "phone_region", "confirm_consents", "active")
    change_form_outer_after_template = "loyalty/source_after.html"
    actions = None

    def get_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        if obj is None:
            return self.fields
        if obj.kind not in sources.OUTSIDE:
            told = ("confirm_consents",) if obj.kind != Source.Kind.PLATFORM else ()
            return ("kind", "slug", "name", *told)
        return ("kind", "slug", "address", *self.fields[2:])

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        return ("kind", "slug", "address") if obj else ()

    # Events refer to their source: it is switched off, not deleted.
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(never_cache(self.new_key_view))
        return [path("<int:object_id>/new-key/", view, name="loyalty_source_new_key"), *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except sources.SourceError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        secret = form.cleaned_data.get("new_secret", "")
        if change:
            obj.save(update_fields=["name", *_ASKED])
            if secret:
                sources.create(obj.kind, obj.slug, secret=secret)
            return
        made = sources.create(obj.kind, obj.slug, secret=secret, name=obj.name)
        obj.pk, obj._state.adding = made.source.pk, False
        obj.save(update_fields=list(_ASKED))
        if not secret:
            obj.shown_once = made.secret

    def response_add(self, request: HttpRequest, obj: Source, post_url_continue: str | None = None) -> HttpResponse:
        secret = getattr(obj, "shown_once", None)
        return self._show_once(request, obj, secret) if secret else super().response_add(request, obj)

    def new_key_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """GET asks; POST replaces the key and shows the new one, this once."""
        source = get_object_or_404(Source, pk=object_id, kind__in=sources.OUTSIDE)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, source, {"asks": True})
        secret = sources.rotate(source)
        self.log_change(request, source, t("New key"))
        return self._show_once(request, source, secret)

    def _show_once(self, request: HttpRequest, source: Source, secret: str) -> HttpResponse:
        return self._page(request, source, {"secret": secret})

    def _page(self, request: HttpRequest, source: Source, more: dict[str, Any]) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": str(source),
            "opts": self.opts,
            "source": source,
            "address": sources.address(source),
        }
        answer = render(request, "loyalty/source_key.html", context | more)
        answer["Cache-Control"] = "no-store"
        return answer

    @display(description=_("name"), header=True)
    def named(self, source: Source) -> list[str]:
        return [str(source), source.slug]

    @display(description=_("address"))
    def address(self, source: Source) -> str:
        return sources.address(source) if source.kind in sources.OUTSIDE else "—"

    @display(description=_("refused"))
    def refusals(self, source: Source) -> SafeString:
        list_url = reverse("admin:loyalty_refuseddelivery_changelist")
        return format_html(
            '<a class="text-link" href="{}?source={}">{}</a>', list_url, source.pk, t("Refused deliveries")
        )


@admin.register(RefusedDelivery)
class RefusedDeliveryAdmin(ReadOnlyAdmin):
    """Deliveries that became no event, to be looked at and replayed."""

    list_display = ("received_at", "source", "why_shown", "topic", "reason", "replayed_at")
    list_select_related = ("source",)
    list_filter = ("why", SourceFilter)
    list_filter_submit = True
    ordering = ("-received_at",)
    actions = ("replay",)
    fields = (
        "source",
        "why",
        "topic",
        "reason",
        "received_at",
        "replayed_at",
        "external_id",
        "headers_shown",
        "body",
    )
    readonly_fields = ("headers_shown",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefusedDelivery]:
        return super().get_queryset(request).defer("source__secret")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("loyalty.change_refuseddelivery")

    @action(description=_("Replay the selected deliveries"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[RefusedDelivery]) -> None:
        taken = 0
        for delivery in queryset.order_by("received_at", "pk"):
            try:
                refused.replay(delivery, timezone.now())
            except Refused as error:
                messages.error(request, f"{delivery.external_id}: {error}")
            except UnknownTopic:
                messages.error(
                    request, t("%(delivery)s: the topic is still unknown") % {"delivery": delivery.external_id}
                )
            else:
                self.log_change(request, delivery, t("Replayed"))
                taken += 1
        if taken:
            words = ngettext("%(n)d delivery was taken.", "%(n)d deliveries were taken.", taken)
            messages.success(request, words % {"n": taken})

    @display(description=_("kind"), label={"refused": "danger", "unknown": "warning"})
    def why_shown(self, delivery: RefusedDelivery) -> tuple[str, str]:
        return delivery.why, delivery.get_why_display()

    @display(description=_("headers"))
    def headers_shown(self, delivery: RefusedDelivery) -> SafeString | str:
        return pairs_table(delivery.headers)
