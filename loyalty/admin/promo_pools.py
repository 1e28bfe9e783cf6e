"""Pools of promo codes: what they give, what is left of them, how codes come in."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from loyalty.admin.base import ReadOnlyAdmin, bar, grouped, money
from loyalty.admin.fields import MoneyField
from loyalty.models import PromoBatch, PromoCode, PromoPool
from loyalty.services import promo
from loyalty.services.programme import current

REFRESH = "2"  # seconds between two looks at codes that are being added


class PoolForm(forms.ModelForm):
    """A pool; sums in major units."""

    amount = MoneyField(label=capfirst(_("amount")), required=False)
    min_order = MoneyField(label=capfirst(_("order from")), required=False, help_text=_("Smallest order's total."))


def take_stock(pools: Sequence[Any]) -> None:
    """Tells pools what is left of them, how many codes they were given, and their shared code: three queries."""
    ids = [pool.pk for pool in pools]
    rest = promo.left(ids)
    whole = dict(PromoBatch.objects.filter(pool__in=ids).values_list("pool").annotate(Sum("added")))
    shared = PromoCode.objects.filter(pool__in=ids, pool__kind=PromoPool.Kind.SHARED, blocked=False)
    first = {code.pool_id: code for code in shared.order_by("-pk")}
    for pool in pools:
        pool.left, pool.whole, pool.shared = rest[pool.pk], whole.get(pool.pk, 0), first.get(pool.pk)


class PoolList(ChangeList):
    """Pools with what is left of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        take_stock(self.result_list)


class FillForm(forms.Form):
    """How codes come into a pool: made here, or brought along."""

    count = forms.IntegerField(
        label=_("Generate"), required=False, min_value=1, widget=UnfoldAdminIntegerFieldWidget, help_text=_("So many.")
    )
    text = forms.CharField(
        label=_("Or type codes"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text=_("One a line."),
    )
    file = forms.FileField(
        label=_("Or upload a file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("Text or CSV: one code a line, in the first column."),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and sum(bool(data.get(name)) for name in self.fields) != 1:
            raise forms.ValidationError(_("Choose one of the three ways."))
        return data


@admin.register(PromoPool)
class PromoPoolAdmin(ModelAdmin):
    """Pools."""

    form = PoolForm
    list_display = ("name", "gives_shown", "left_shown", "validity", "state")
    list_filter = (("kind", ChoicesDropdownFilter), "active")
    list_filter_submit = True
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    actions = None
    actions_detail = ("add_codes", "show_codes")
    compressed_fields = False
    fieldsets = (
        (None, {"fields": (("name", "slug"), ("kind", "active"), "left_now")}),
        (_("What a code gives"), {"fields": ("gives", "percent", "amount", "gift", "min_order")}),
        (_("How often"), {"fields": (("uses_per_code", "uses_per_client"),)}),
        (_("How long"), {"fields": (("starts_at", "ends_at"), "days_after_issue")}),
        (_("Stock"), {"fields": (("length", "warn_below"),)}),
    )
    conditional_fields = {
        "percent": "gives === 'percent'",
        "amount": "gives === 'amount'",
        "gift": "gives === 'gift'",
    }

    def get_readonly_fields(self, request: HttpRequest, obj: PromoPool | None = None) -> tuple[str, ...]:
        # Codes are stored with their limit, and whose they are follows from the kind.
        return ("left_now", "kind", "uses_per_code") if obj else ("left_now",)

    def get_prepopulated_fields(self, request: HttpRequest, obj: PromoPool | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    # Codes were handed out: a pool is switched off, not deleted.
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PoolList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        for pool in promo.running_dry():
            words = t("«%(pool)s» has no codes left.") if pool.dry_at else t("«%(pool)s» has few codes left.")
            messages.warning(request, words % {"pool": pool.name})
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[URLPattern]:
        fill = self.admin_site.admin_view(self.fill_view)
        return [path("<int:object_id>/add-codes/", fill, name="loyalty_promopool_fill"), *super().get_urls()]

    @action(description=_("Add codes"), icon="add", permissions=["change"])
    def add_codes(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:loyalty_promopool_fill", args=[object_id]))

    @action(description=_("Codes"), icon="list", permissions=["view"])
    def show_codes(self, request: HttpRequest, object_id: int) -> HttpResponse:
        codes = reverse("admin:loyalty_promocode_changelist")
        return HttpResponseRedirect(f"{codes}?pool__id__exact={object_id}")

    def fill_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """GET asks how many or which; POST orders them and shows how far it is."""
        pool = get_object_or_404(PromoPool, pk=object_id)
        if not self.has_change_permission(request, pool):
            raise PermissionDenied
        form = FillForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                batch = self._order(pool, form.cleaned_data)
            except promo.FillError as error:
                form.add_error(None, str(error))
            else:
                self.log_change(request, pool, t("Codes added: %(batch)s") % {"batch": batch})
                return HttpResponseRedirect(reverse("admin:loyalty_promobatch_change", args=[batch.pk]))
        context = self.admin_site.each_context(request) | {
            "title": t("Add codes to «%(pool)s»") % {"pool": pool},
            "opts": self.opts,
            "form": form,
            "pool": pool,
            "batches": PromoBatch.objects.filter(pool=pool).defer("text", "report").order_by("-pk")[:10],
        }
        return render(request, "loyalty/promo_fill.html", context)

    def _order(self, pool: PromoPool, said: dict[str, Any]) -> PromoBatch:
        if said["count"]:
            return promo.order(pool, said["count"], timezone.now())
        content = said["file"].read() if said["file"] else said["text"].encode()
        return promo.upload(pool, content, timezone.now())

    @display(description=_("gives"))
    def gives_shown(self, pool: PromoPool) -> str:
        if pool.gives == PromoPool.Gives.PERCENT:
            return f"{(pool.percent or 0).normalize():f} %"
        return money(pool.amount, current().currency) if pool.gives == PromoPool.Gives.AMOUNT else pool.gift

    @display(description=_("codes left"))
    def left_shown(self, pool: Any) -> SafeString | str:
        if pool.kind == PromoPool.Kind.SHARED:
            uses = t("uses: %(n)d") % {"n": pool.shared.uses} if pool.shared else ""
            return f"{pool.shared.code} · {uses}" if pool.shared else "—"
        words = t("%(left)s of %(whole)s left") % {"left": grouped(pool.left), "whole": grouped(pool.whole)}
        return bar(pool.left, pool.whole, words, bad=pool.left < pool.warn_below)

    @display(description=_("codes left"))
    def left_now(self, pool: PromoPool) -> SafeString | str:
        if not pool.pk:
            return "—"
        take_stock([pool])
        return self.left_shown(pool)

    @display(description=_("validity"))
    def validity(self, pool: PromoPool) -> str:
        ends = [timezone.localtime(end).strftime("%d.%m.%Y") if end else "" for end in (pool.starts_at, pool.ends_at)]
        days = t("%(n)d days after issue") % {"n": pool.days_after_issue} if pool.days_after_issue else ""
        dates = " – ".join(ends) if any(ends) else ""
        return ", ".join(filter(None, (dates, days))) or "—"

    @display(description=_("state"), label={"active": "success", "dry": "danger", "off": "default"})
    def state(self, pool: PromoPool) -> tuple[str, str]:
        if not pool.active:
            return "off", t("switched off")
        return ("dry", t("ran dry")) if pool.dry_at else ("active", t("active"))


@admin.register(PromoBatch)
class PromoBatchAdmin(ReadOnlyAdmin):
    """One addition of codes: how far it is, and what it refused."""

    list_display = ("created_at", "pool", "kind", "progress", "refused", "finished_at")
    list_select_related = ("pool",)
    ordering = ("-pk",)
    fields = ("pool", "kind", "progress", "added", "refused", "report_shown", "created_at", "finished_at")
    readonly_fields = ("progress", "report_shown")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromoBatch]:
        return super().get_queryset(request).defer("text")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        answer = super().change_view(request, object_id, form_url, extra_context)
        if object_id.isdecimal() and PromoBatch.objects.filter(pk=object_id, finished_at=None).exists():
            # The browser looks again by itself until the work is done.
            answer["Refresh"] = REFRESH
        return answer

    @display(description=_("progress"))
    def progress(self, batch: PromoBatch) -> SafeString:
        return bar(batch.done, batch.wanted, f"{batch.done} / {batch.wanted}")

    @display(description=_("refused lines"))
    def report_shown(self, batch: PromoBatch) -> SafeString | str:
        rows = [
            format_html("<tr><td>{}</td><td>{}</td><td>{}</td></tr>", line, code, t(why))
            for line, code, why in batch.report
        ]
        return format_html('<table class="plain">{}</table>', SafeString("".join(rows))) if rows else "—"
