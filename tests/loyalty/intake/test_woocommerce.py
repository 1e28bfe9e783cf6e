"""WooCommerce: its true samples, and the traps in them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Http

from loyalty.models import Client, Consent, Event, Identity, Order, Product, RefusedDelivery
from tests.loyalty.intake.sending import needs_samples, post, sample, source

pytestmark = pytest.mark.django_db

ORDER = {
    "id": 1,
    "number": "1",
    "status": "pending",
    "currency": "USD",
    "total": "12.00",
    "customer_id": 0,
    "date_created": "2025-01-01T16:00:00",
    "date_created_gmt": "2025-01-01T19:00:00",
    "date_modified_gmt": "2025-01-01T19:00:00",
    "billing": {"email": "a@example.com", "phone": "(206) 555-0142", "country": "US", "first_name": "Ann"},
    "line_items": [{"product_id": 93, "name": "Tea &ndash; green", "quantity": 2, "price": 6, "total": "12.00"}],
}


def names() -> list[str]:
    """The names of all events, sorted."""
    return sorted(Event.objects.values_list("name", flat=True))


@needs_samples
def test_the_true_order_from_creation_to_completion() -> None:
    shop = source("woocommerce")
    created = sample("woocommerce/order__create_an_order.json")
    assert post(shop, created, "order.created", "d1").status_code == 200
    order = Order.objects.get()
    assert (order.external_id, order.total, order.status) == ("727", 2935, "paid")
    assert order.ordered_at == datetime(2017, 3, 22, 19, 28, 2, tzinfo=UTC)
    assert [line.title for line in order.lines.order_by("position")] == [
        "Woo Single #1",
        "Ship Your Idea – Color: Black, Size: M Test",
    ]
    assert names() == ["order.created", "order.paid"]
    updated = sample("woocommerce/order__update_an_order.json")
    assert post(shop, updated, "order.updated", "d2").status_code == 200
    assert names() == ["order.created", "order.paid", "order.updated"]


@needs_samples
def test_the_true_customer_twice_and_out_of_order() -> None:
    shop = source("woocommerce")
    updated = sample("woocommerce/customer__update_a_customer.json")
    created = sample("woocommerce/customer__retrieve_a_customer.json")
    post(shop, updated, "customer.updated", "d2")
    for _ in range(2):
        post(shop, created, "customer.created", "d1")
    client = Client.objects.get()
    assert client.first_name == "James"
    assert client.registered_at == datetime(2017, 3, 21, 19, 9, 28, tzinfo=UTC)
    assert (client.phone_given, client.phone_quality) == ("(555) 555-5555", "doubtful")
    assert names() == ["customer.registered", "customer.updated"]
    assert not Consent.objects.exists()


def test_a_guest_has_no_customer_id() -> None:
    shop = source("woocommerce")
    post(shop, ORDER, "order.created", "d1")
    assert set(Identity.objects.values_list("kind", "value")) == {("email", "a@example.com"), ("phone", "+12065550142")}


def test_payment_cancelling_and_refunds_are_read_from_updates_once() -> None:
    shop = source("woocommerce")
    post(shop, ORDER, "order.created", "d1")
    assert names() == ["order.created"]
    paid = ORDER | {"status": "processing", "date_paid_gmt": "2025-01-02T00:00:00"}
    post(shop, paid, "order.updated", "d2")
    part = paid | {"refunds": [{"id": 726, "total": "-5.00"}], "date_modified_gmt": "2025-01-03T00:00:00"}
    for delivery in ("d3", "d4"):
        post(shop, part, "order.updated", delivery)
    assert Event.objects.filter(name="order.paid").count() == 1
    assert Event.objects.filter(name="order.refunded").count() == 1
    order = Order.objects.get()
    assert (order.status, order.refunded) == ("part_refunded", 500)
    post(shop, ORDER | {"status": "cancelled", "date_modified_gmt": "2025-01-04T00:00:00"}, "order.updated", "d5")
    assert Order.objects.get().status == "cancelled"
    assert Event.objects.filter(name="order.cancelled").count() == 1


def test_a_status_of_a_plugin_changes_nothing() -> None:
    shop = source("woocommerce")
    post(shop, ORDER | {"status": "wc-awaiting-shipment"}, "order.created", "d1")
    assert Order.objects.get().status == "created"


def test_a_binned_order_is_cancelled() -> None:
    shop = source("woocommerce")
    post(shop, ORDER, "order.created", "d1")
    post(shop, {"id": 1}, "order.deleted", "d2")
    assert Order.objects.get().status == "cancelled"


def test_prices_with_endless_digits_are_rounded() -> None:
    shop = source("woocommerce")
    line = {"product_id": 1, "quantity": 3, "price": 3.3333333333333335, "total": "10.00"}
    post(shop, ORDER | {"line_items": [line]}, "order.created", "d1")
    assert [(line.price, line.total) for line in Order.objects.get().lines.all()] == [(333, 1000)]


def test_a_product_is_learnt_and_leaves_the_stock_with_the_bin() -> None:
    shop = source("woocommerce")
    body = {
        "id": 5,
        "name": "Tea &amp; milk",
        "status": "publish",
        "price": "",
        "stock_status": "instock",
        "stock_quantity": 7,
        "categories": [{"id": 9, "name": "Drinks"}],
        "images": [],
    }
    post(shop, body, "product.created", "d1")
    product = Product.objects.get()
    assert (product.title, product.price, product.in_stock, product.stock) == ("Tea & milk", None, True, 7)
    post(shop, {"id": 5}, "product.deleted", "d2")
    product.refresh_from_db()
    assert (product.title, product.in_stock, product.stock) == ("Tea & milk", False, 0)
    assert names() == ["product.published", "product.updated"]


def test_the_ping_of_a_new_webhook_is_answered() -> None:
    shop = source("woocommerce")
    url = f"/webhooks/woocommerce/{shop.slug}/"
    answer = Http().post(url, b"webhook_id=3", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert Http().post(url, b"webhook_id=3&x=1", content_type="text/plain").status_code == 401
    assert not RefusedDelivery.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (ORDER | {"id": 0}, "id"),
        (ORDER | {"total": "-1"}, "total"),
        (ORDER | {"currency": "XXL"}, "currency"),
        (ORDER | {"date_modified_gmt": "0000-00-00T00:00:00"}, "date_modified_gmt"),
        (ORDER | {"billing": []}, "billing"),
        (ORDER | {"refunds": [{}]}, "refunds[0].id"),
        (ORDER | {"line_items": [{"quantity": -1}]}, "line_items[0].quantity"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_field(body: Any, field: str) -> None:
    answer = post(source("woocommerce"), body, "order.created", "d1")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert not Event.objects.exists()


def test_the_regular_price_of_a_sale_is_crossed_out() -> None:
    body = {"id": 5, "name": "Tea", "price": "5.00", "regular_price": "7.50", "sale_price": "5.00"}
    shop = source("woocommerce", currency="EUR")
    post(shop, body, "product.updated", "d1")
    assert Product.objects.get().old_price == 750
    post(shop, body | {"price": "7.50", "sale_price": ""}, "product.updated", "d2")
    assert Product.objects.get().old_price is None
