"""Shopify: its true samples, and the traps in them."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from loyalty.models import Cart, Client, Consent, Event, Identity, Order, Product, RefusedDelivery
from tests.loyalty.intake.sending import needs_samples, post, sample, source

pytestmark = pytest.mark.django_db

CART = {
    "token": "t1",
    "line_items": [{"product_id": 704912205188288575, "title": "Shirt", "quantity": 3, "price": "19.99"}],
    "updated_at": "2025-01-01T00:00:00Z",
}
ORDER = {
    "id": 5590760685782,
    "name": "#1",
    "email": "a@example.com",
    "currency": "USD",
    "total_price": "59.97",
    "financial_status": "pending",
    "cart_token": "t1",
    "line_items": CART["line_items"],
    "created_at": "2025-01-01T01:00:00Z",
    "updated_at": "2025-01-01T01:00:00Z",
}


def checkout(**values: Any) -> dict[str, Any]:
    """The true checkout, of the true cart (the two samples differ in the token)."""
    body = copy.deepcopy(sample("shopify/checkouts.json"))
    body["checkouts"][0] |= {"cart_token": "exampleCartId"} | values
    return body


def consents() -> dict[str, bool]:
    """The newest word of each channel."""
    return {row.channel: row.granted for row in Consent.objects.order_by("given_at", "id")}


@needs_samples
def test_a_cart_names_no_client_until_its_checkout_does() -> None:
    shop = source("shopify")
    assert post(shop, sample("shopify/carts_create.json"), "carts/create", "w1").status_code == 200
    assert not Client.objects.exists()
    cart = Cart.objects.get()
    assert (cart.token, cart.client, cart.total, cart.currency) == ("exampleCartId", None, 5997, "USD")
    assert Event.objects.get().payload["lines"][0]["product_id"] == "788032119674292922"

    assert post(shop, checkout(), "checkouts/create", "w2").status_code == 200
    client = Client.objects.get()
    assert (client.email, client.first_name) == ("bob.norman@hostmail.com", "Bob")
    assert Cart.objects.get().client == client
    assert set(Event.objects.values_list("name", "client")) == {
        ("cart.updated", client.pk),
        ("checkout.started", client.pk),
    }
    assert Cart.objects.get().checkout_url.startswith("https://checkout.local/")


@needs_samples
def test_the_phone_may_live_in_an_address_alone() -> None:
    post(source("shopify"), checkout(), "checkouts/create")
    client = Client.objects.get()
    assert (client.phone, client.phone_given, client.phone_quality) == ("+15556251199", "555-625-1199", "doubtful")


def test_a_phone_with_letters_is_kept_and_names_nobody() -> None:
    body = ORDER | {"customer": {"id": 1, "default_address": {"phone": "555-555-SHIP", "country_code": "US"}}}
    post(source("shopify"), body, "orders/create")
    client = Client.objects.get()
    assert (client.phone, client.phone_given, client.phone_quality) == ("", "555-555-SHIP", "unusable")
    assert not Identity.objects.filter(kind="phone").exists()


@needs_samples
@pytest.mark.parametrize("said", [True, False])
def test_a_plain_word_covers_email_and_sms(said: bool) -> None:
    post(source("shopify"), checkout(buyer_accepts_marketing=said), "checkouts/create")
    assert consents() == {"email": said, "sms": said}
    assert set(Consent.objects.values_list("evidence", flat=True)) == {"shopify:buyer_accepts_marketing"}


def test_absent_consent_is_no_row() -> None:
    post(source("shopify"), ORDER, "orders/create")
    assert Client.objects.count() == 1
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"sms_marketing_consent": {"state": "not_subscribed"}}, {"email": True, "sms": False}),
        ({"sms_marketing_consent": None}, {"email": True, "sms": True}),
        ({"email_marketing_consent": {"state": "unsubscribed"}}, {"email": False, "sms": True}),
        (
            {"accepts_marketing": False, "sms_marketing_consent": {"state": "subscribed"}},
            {"email": False, "sms": True},
        ),
    ],
)
def test_a_channels_own_word_outweighs_the_plain_one(more: dict[str, Any], expected: dict[str, bool]) -> None:
    body = {"id": 1, "email": "a@example.com", "accepts_marketing": True, "updated_at": "2025-01-01T00:00:00Z"} | more
    post(source("shopify"), body, "customers/update")
    assert consents() == expected


def test_an_update_of_an_old_order_is_no_new_consent() -> None:
    shop = source("shopify")
    body = ORDER | {"buyer_accepts_marketing": True}
    post(shop, body, "orders/create")
    post(shop, body | {"updated_at": "2025-06-01T00:00:00Z"}, "orders/updated", "later")
    assert {row.given_at for row in Consent.objects.all()} == {datetime(2025, 1, 1, 1, 0, tzinfo=UTC)}


def test_consent_has_a_topic_of_its_own_in_newer_versions() -> None:
    shop = source("shopify")
    post(shop, {"id": 7, "email": "a@example.com"}, "customers/create")
    body = {
        "customer_id": 7,
        "sms_marketing_consent": {"state": "subscribed", "consent_updated_at": "2025-01-01T00:00:00Z"},
    }
    post(shop, body, "customers_marketing_consent/update", "c1")
    assert consents() == {"sms": True}
    assert Client.objects.count() == 1


def test_ids_above_2_53_are_kept_exactly() -> None:
    shop = source("shopify")
    huge = 123456789012345678901234567890
    post(shop, CART | {"line_items": [{"product_id": huge, "price": "1", "quantity": 1}]}, "carts/create")
    assert Product.objects.get().external_id == str(huge)
    post(shop, ORDER | {"id": 9007199254740993, "customer": {"id": 9007199254740995}}, "orders/create")
    assert Order.objects.get().external_id == "9007199254740993"
    assert Identity.objects.get(kind="external").value == "9007199254740995"


def test_a_checkout_may_have_a_token_and_no_id() -> None:
    body = {"token": "c1", "cart_token": None, "email": "a@example.com", "line_items": CART["line_items"]}
    assert post(source("shopify"), body, "checkouts/create").status_code == 200
    assert Cart.objects.get().token == "checkout:c1"


def test_resources_come_bare_and_wrapped_and_in_lists() -> None:
    shop = source("shopify")
    post(shop, {"cart": CART}, "carts/update", "w1")
    post(shop, {"carts": [CART | {"token": "t2"}, CART | {"token": "t3"}]}, "carts/update", "w2")
    assert set(Event.objects.values_list("external_id", flat=True)) == {"w1", "w2:1", "w2:2"}
    assert set(Cart.objects.values_list("token", flat=True)) == {"t1", "t2", "t3"}


def test_an_emptied_cart_is_cleared() -> None:
    shop = source("shopify")
    post(shop, CART, "carts/create", "w1")
    post(shop, CART | {"line_items": [], "updated_at": "2025-01-02T00:00:00Z"}, "carts/update", "w2")
    assert Event.objects.latest("id").name == "cart.cleared"
    assert Cart.objects.get().lines == []


def test_late_news_of_a_cart_never_wins() -> None:
    shop = source("shopify")
    post(shop, CART | {"line_items": [], "updated_at": "2025-01-02T00:00:00Z"}, "carts/update", "w2")
    post(shop, CART, "carts/create", "w1")
    assert Event.objects.count() == 2
    assert Cart.objects.get().lines == []


def test_a_replay_changes_nothing() -> None:
    shop = source("shopify")
    first = post(shop, ORDER | {"financial_status": "paid"}, "orders/create", "w1").json()
    again = post(shop, ORDER | {"financial_status": "paid"}, "orders/create", "w1").json()
    assert [event["new"] for event in first["events"]] == [True, True]
    assert [event["new"] for event in again["events"]] == [False, False]
    assert [event["id"] for event in first["events"]] == [event["id"] for event in again["events"]]
    assert Event.objects.count() == 2


def test_without_a_webhook_id_the_same_bytes_are_the_same_delivery() -> None:
    shop = source("shopify")
    for _ in range(2):
        assert post(shop, CART, "carts/update").status_code == 200
    assert Event.objects.count() == 1


def test_one_deed_under_several_topics_is_one_event() -> None:
    shop = source("shopify")
    paid = ORDER | {"financial_status": "paid"}
    post(shop, paid, "orders/create", "w1")
    post(shop, paid, "orders/paid", "w2")
    names = sorted(Event.objects.values_list("name", flat=True))
    assert names == ["order.created", "order.paid"]


def test_an_order_that_is_paid_later_is_paid_once() -> None:
    shop = source("shopify")
    post(shop, ORDER, "orders/create", "w1")
    assert Order.objects.get().status == "created"
    assert not Event.objects.filter(name="order.paid").exists()
    for delivery in ("w2", "w3"):
        post(shop, ORDER | {"financial_status": "paid"}, "orders/paid", delivery)
    assert Order.objects.get().status == "paid"
    assert Event.objects.filter(name="order.paid").count() == 1


def test_a_late_created_does_not_revive_a_cancelled_order() -> None:
    shop = source("shopify")
    cancelled = ORDER | {"cancelled_at": "2025-01-03T00:00:00Z", "updated_at": "2025-01-03T00:00:00Z"}
    post(shop, cancelled, "orders/cancelled", "w2")
    post(shop, ORDER, "orders/create", "w1")
    assert Order.objects.get().status == "cancelled"
    assert set(Event.objects.values_list("name", flat=True)) == {"order.cancelled", "order.created"}


@needs_samples
def test_the_true_order_and_its_refund() -> None:
    shop = source("shopify")
    assert post(shop, sample("shopify/order.json"), "orders/create", "w1").status_code == 200
    order = Order.objects.get()
    assert (order.external_id, order.number, order.total, order.currency) == ("450789469", "#1001", 40994, "USD")
    assert order.lines.count() == 3
    assert order.client == Client.objects.get()
    for delivery in ("w2", "w3"):
        assert post(shop, sample("shopify/refund.json"), "refunds/create", delivery).status_code == 200
    order.refresh_from_db()
    assert (order.refunded, order.status) == (20900, "part_refunded")
    refund = Event.objects.get(name="order.refunded")
    assert (refund.external_id, refund.payload["refunded"]) == ("refund:509562969", "209.00")


@needs_samples
def test_an_order_that_says_nothing_of_its_lines_keeps_them() -> None:
    shop = source("shopify")
    post(shop, sample("shopify/order.json"), "orders/create", "w1")
    body = sample("shopify/orders.json")
    assert "line_items" not in body["orders"][0]
    assert post(shop, body, "orders/updated", "w2").status_code == 200
    assert Order.objects.get().lines.count() == 3


@needs_samples
def test_the_true_customer() -> None:
    post(source("shopify"), sample("shopify/customer.json"), "customers/create", "w1")
    client = Client.objects.get()
    assert client.registered_at == datetime(2015, 5, 27, 22, 11, 24, tzinfo=UTC)
    assert Event.objects.get().external_id == "customer.registered:207119551"
    assert consents() == {"email": False, "sms": False}


def test_the_order_of_a_cart_closes_it() -> None:
    shop = source("shopify")
    post(shop, CART, "carts/create", "w1")
    post(shop, ORDER, "orders/create", "w2")
    assert Cart.objects.get().ordered_at
    assert set(Event.objects.values_list("client", flat=True)) == {Client.objects.get().pk}


def test_the_moment_is_the_shops_own() -> None:
    shop = source("shopify")
    at = timezone.now() - timedelta(hours=2)
    post(shop, CART, "carts/create", "w1", at=at.isoformat())
    assert Event.objects.get().occurred_at == at
    assert Cart.objects.get().changed_at == datetime(2025, 1, 1, tzinfo=UTC)


def test_a_product_is_learnt() -> None:
    body = {
        "id": 1,
        "title": "Tea",
        "vendor": "Hill",
        "product_type": "Drinks",
        "status": "active",
        "variants": [
            {"price": "7.00", "sku": "T", "inventory_quantity": 0, "inventory_management": "shopify"},
            {"price": "5.00", "sku": "U", "inventory_quantity": 0, "inventory_management": "shopify"},
        ],
        "image": {"src": "https://example.com/t.jpg"},
    }
    post(source("shopify", currency="EUR"), body, "products/create", "w1")
    product = Product.objects.get()
    assert (product.price, product.currency, product.in_stock, product.brand) == (500, "EUR", False, "Hill")
    assert product.category is not None
    assert product.stock == 0
    assert Event.objects.get().name == "product.published"


@pytest.mark.parametrize(
    ("variants", "stock"),
    [
        ([{"inventory_quantity": 2}, {"inventory_quantity": 3}], 5),
        ([{"inventory_quantity": 2}, {"inventory_quantity": -1}], 2),
        ([{"inventory_quantity": 2}, {"inventory_quantity": 3, "inventory_management": None}], None),
        ([{"price": "5"}], None),
        ([], None),
    ],
)
def test_pieces_of_all_variants_are_left_where_every_one_is_counted(variants, stock) -> None:
    post(source("shopify", currency="EUR"), {"id": 1, "title": "Tea", "variants": variants}, "products/update", "w1")
    assert Product.objects.get().stock == stock


@pytest.mark.parametrize(
    ("topic", "body", "field"),
    [
        ("carts/create", {"line_items": []}, "token"),
        ("carts/create", {"token": "t"}, "line_items"),
        ("carts/create", {"token": "t", "line_items": [{"price": "-1"}]}, "line_items[0].price"),
        ("carts/create", {"token": "t", "line_items": {}}, "line_items"),
        ("carts/create", {"token": "t", "line_items": [{"price": "1", "quantity": 10**9}]}, "line_items[0].quantity"),
        ("carts/create", CART | {"updated_at": "9999-12-31T23:59:59Z"}, "updated_at"),
        ("carts/create", CART | {"updated_at": "0000-01-01T00:00:00Z"}, "updated_at"),
        ("orders/create", ORDER | {"currency": "BTC"}, "currency"),
        ("orders/create", ORDER | {"total_price": "9" * 40}, "total_price"),
        ("orders/create", ORDER | {"customer": "Bob"}, "customer"),
        ("orders/create", [ORDER], "body"),
        ("orders/create", {}, "body"),
        ("orders/create", {"orders": []}, "body"),
        ("orders/create", {"order": ORDER | {"id": None}}, "id"),
        ("refunds/create", {"id": 1}, "order_id"),
        ("refunds/create", {"id": 1, "order_id": 2, "refund_line_items": [None, 5]}, "refund_line_items[1]"),
    ],
)
def test_what_is_not_understood_is_kept_with_its_field(topic: str, body: Any, field: str) -> None:
    shop = source("shopify")
    for _ in range(2):
        answer = post(shop, body, topic, "w1")
        assert answer.status_code == 422
        assert answer.json()["field"] == field
        assert answer.json()["reason"]
    refused = RefusedDelivery.objects.get()
    assert (refused.why, refused.topic, refused.external_id) == ("refused", topic, "w1")
    assert not Event.objects.exists()
    assert not Client.objects.exists()
    assert not Cart.objects.exists()


def test_the_price_to_compare_with_is_crossed_out() -> None:
    variants = [
        {"price": "8.00", "compare_at_price": None, "inventory_quantity": 1},
        {"price": "5.00", "compare_at_price": "7.50", "inventory_quantity": 1},
    ]
    post(source("shopify", currency="EUR"), {"id": 1, "title": "Tea", "variants": variants}, "products/update", "w1")
    product = Product.objects.get()
    assert (product.price, product.old_price, product.old_price_until) == (500, 750, None)
