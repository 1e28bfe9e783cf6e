"""Orders and carts as the shops told them, read only."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from loyalty.admin.base import BigTableAdmin, link, money
from loyalty.admin.events import SourceFilter
from loyalty.admin.show import pairs_table
from loyalty.models import Cart, Order, OrderLine, Purchase

CLIENT_SEARCH = _("Phone, e-mail or id of a client")


class LineInline(TabularInline):
    """Lines of an order."""

    model = OrderLine
    fields = ("title", "quantity", "price_shown", "total_shown")
    readonly_fields = fields
    extra = 0
    can_delete = False
    tab = False

    def has_add_permission(self, request: object, obj: object = None) -> bool:
        return False

    has_change_permission = has_add_permission

    @display(description=_("price"))
    def price_shown(self, line: OrderLine) -> str:
        return money(line.price, line.order.currency)

    @display(description=_("total"))
    def total_shown(self, line: OrderLine) -> str:
        return money(line.total, line.order.currency)


@admin.register(Order)
class OrderAdmin(BigTableAdmin):
    """Orders."""

    list_display = ("numbered", "who", "state", "sum", "ordered_at", "source")
    list_select_related = ("client", "source")
    list_filter = (SourceFilter,)
    list_filter_submit = True
    search_help_text = CLIENT_SEARCH
    fields = (
        "numbered",
        "who",
        "source",
        "status",
        "sum",
        "discount_shown",
        "refunded_shown",
        "bonuses_spent",
        "bonuses_earned",
        "why",
        "ordered_at",
        "paid_at",
        "changed_at",
    )
    readonly_fields = ("numbered", "who", "sum", "discount_shown", "refunded_shown", "why")
    inlines = (LineInline,)

    @display(description=_("number"))
    def numbered(self, order: Order) -> str:
        return str(order)

    @display(description=_("client"))
    def who(self, order: Order) -> SafeString | str:
        return link(order.client)

    @display(
        description=_("status"),
        label={
            Order.Status.PAID: "success",
            Order.Status.CANCELLED: "danger",
            Order.Status.PART_REFUNDED: "warning",
            Order.Status.REFUNDED: "warning",
        },
    )
    def state(self, order: Order) -> tuple[str, str]:
        return order.status, order.get_status_display()

    @display(description=_("total"))
    def sum(self, order: Order) -> str:
        return money(order.total, order.currency)

    @display(description=_("discount"))
    def discount_shown(self, order: Order) -> str:
        return money(order.discount, order.currency)

    @display(description=_("refunded"))
    def refunded_shown(self, order: Order) -> str:
        return money(order.refunded, order.currency)

    @display(description=_("why so many bonuses"))
    def why(self, order: Order) -> SafeString | str:
        purchase = Purchase.objects.filter(order=order).first()
        if purchase is None:
            return "—"
        terms = purchase.terms or {}
        return pairs_table(
            {
                str(_("problem")): purchase.problem,
                str(_("level")): (terms.get("level") or {}).get("name"),
                str(_("rules")): ", ".join(rule["name"] for rule in terms.get("rules", ())),
                str(_("lines")): {
                    f"{number}. {line['title']}": _("%(n)s bonuses") % {"n": line["bonuses"]}
                    for number, line in enumerate(terms.get("lines", ()), start=1)
                },
                str(_("returned")): purchase.returned,
                str(_("taken back")): purchase.clawed,
            }
        )


@admin.register(Cart)
class CartAdmin(BigTableAdmin):
    """Carts."""

    list_display = ("token_short", "who", "sum", "size", "ordered_at", "changed_at", "source")
    list_select_related = ("client", "source")
    list_filter = (SourceFilter,)
    list_filter_submit = True
    search_help_text = CLIENT_SEARCH
    fields = ("token", "who", "source", "sum", "ordered_at", "address", "changed_at", "goods")
    readonly_fields = ("who", "sum", "address", "goods")

    @display(description=_("token"))
    def token_short(self, cart: Cart) -> str:
        return cart.token if len(cart.token) <= 16 else f"{cart.token[:12]}…"

    @display(description=_("client"))
    def who(self, cart: Cart) -> SafeString | str:
        return link(cart.client)

    @display(description=_("total"))
    def sum(self, cart: Cart) -> str:
        return money(cart.total, cart.currency)

    @display(description=_("lines"))
    def size(self, cart: Cart) -> int:
        return len(cart.lines)

    @display(description=_("checkout address"))
    def address(self, cart: Cart) -> SafeString | str:
        # Shops are not trusted with the scheme: only web addresses become links.
        if not cart.checkout_url.startswith(("https://", "http://")):
            return cart.checkout_url or "—"
        return format_html('<a class="text-link" rel="noreferrer" href="{0}">{0}</a>', cart.checkout_url)

    @display(description=_("goods"))
    def goods(self, cart: Cart) -> SafeString | str:
        lines = [
            {
                "title": line.get("title"),
                "quantity": line.get("quantity"),
                "total": money(line.get("total"), cart.currency),
            }
            for line in cart.lines
            if isinstance(line, dict)
        ]
        return pairs_table(lines)
