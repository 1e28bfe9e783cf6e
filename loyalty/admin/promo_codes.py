"""Promo codes, their uses, and the refusals that clients are not told."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from loyalty.admin.base import BigTableAdmin, link, money
from loyalty.models import PromoCode, PromoRedemption, PromoRefusal
from loyalty.services import promo
from loyalty.services.programme import current

CODE_SEARCH = _("A code, or a phone, e-mail or id of a client")


class CodeSearch(BigTableAdmin):
    """Lists that are searched by a code first, and by a client where nobody has such a code."""

    search_help_text = CODE_SEARCH
    # Where the code is found: the field's path.
    code_field = "code"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        code = PromoCode.objects.filter(normal=promo.normalise(search_term)).first() if search_term else None
        if code:
            return queryset.filter(**{self.code_field: code.pk}), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(PromoCode)
class PromoCodeAdmin(CodeSearch):
    """Codes: found by themselves or by their client; a page is read from an index whatever their number."""

    list_display = ("code", "pool", "who", "issued_at", "uses_shown", "blocked")
    list_select_related = ("client", "pool")
    list_filter = (("pool", RelatedDropdownFilter),)
    list_filter_submit = True
    code_field = "pk"
    fields = ("code", "pool", "who", "issued_at", "uses_shown", "blocked")
    readonly_fields = ("who", "uses_shown")
    actions = ("block", "unblock")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_block_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("loyalty.change_promocode")

    @action(description=_("Block the selected codes"), permissions=["block"])
    def block(self, request: HttpRequest, queryset: QuerySet[PromoCode]) -> None:
        self._block(request, queryset, True)

    @action(description=_("Unblock the selected codes"), permissions=["block"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[PromoCode]) -> None:
        self._block(request, queryset, False)

    def _block(self, request: HttpRequest, queryset: QuerySet[PromoCode], blocked: bool) -> None:
        for code in queryset:
            self.log_change(request, code, t("Blocked") if blocked else t("Unblocked"))
        PromoCode.objects.filter(pk__in=[code.pk for code in queryset]).update(blocked=blocked)
        messages.success(request, t("Blocked.") if blocked else t("Unblocked."))

    @display(description=_("client"))
    def who(self, code: PromoCode) -> SafeString | str:
        return link(code.client)

    @display(description=_("uses"))
    def uses_shown(self, code: PromoCode) -> str:
        return str(code.uses) if code.max_uses is None else f"{code.uses} / {code.max_uses}"


@admin.register(PromoRedemption)
class PromoRedemptionAdmin(CodeSearch):
    """Uses of codes."""

    list_display = ("redeemed_at", "code", "pool", "who", "order_ref", "total", "cancelled_at")
    list_select_related = ("client", "pool", "code")
    list_filter = (("pool", RelatedDropdownFilter),)
    list_filter_submit = True
    fields = ("code", "pool", "who", "order_ref", "total", "redeemed_at", "cancelled_at", "source", "key")
    readonly_fields = ("who", "total")
    actions = ("cancel",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("loyalty.change_promoredemption")

    @action(description=_("Take the selected uses back"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[PromoRedemption]) -> None:
        done = 0
        for use in queryset.order_by("pk"):
            if promo.cancel(use.pk, timezone.now()):
                self.log_change(request, use, t("Taken back"))
                done += 1
        messages.success(request, t("Uses taken back: %(n)d.") % {"n": done})

    @display(description=_("client"))
    def who(self, use: PromoRedemption) -> SafeString | str:
        return link(use.client)

    @display(description=_("order's total"))
    def total(self, use: PromoRedemption) -> str:
        return money(use.order_total, current().currency)


@admin.register(PromoRefusal)
class PromoRefusalAdmin(BigTableAdmin):
    """Refusals with their reason, which clients are not told."""

    list_display = ("refused_at", "said", "why", "who", "caller")
    list_select_related = ("client",)
    list_filter = (("reason", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_display_links = None
    search_help_text = _("Phone, e-mail or id of a client")

    @display(description=_("reason"))
    def why(self, refusal: PromoRefusal) -> str:
        return refusal.get_reason_display()

    @display(description=_("client"))
    def who(self, refusal: PromoRefusal) -> SafeString | str:
        return link(refusal.client)
