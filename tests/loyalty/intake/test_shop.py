"""Our own JSON: docs/events.md, kept true."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loyalty.event_names import EVENT_NAMES, FROM_SHOPS, PLATFORM
from loyalty.models import (
    Cart,
    Client,
    ClientLocation,
    Consent,
    Event,
    Identity,
    Order,
    Product,
    RefusedDelivery,
    Store,
)
from tests.loyalty.intake.sending import post, source

pytestmark = pytest.mark.django_db

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "events.md").read_text()
CLIENT = {"id": "C-1", "email": "Clara@Example.com", "phone": "8 912 345-67-89"}
LINES = [{"product_id": "P-1", "title": "Tea", "quantity": "0.5", "price": "450.00"}]


def event(name: str, client: Any = CLIENT, **data: Any) -> dict[str, Any]:
    """An event in our own JSON."""
    return {"type": name, "client": client, "data": data}


def documented() -> list[dict[str, Any]]:
    """Every event that docs/events.md shows."""
    shown = []
    for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.S):
        decoder = json.JSONDecoder()
        block = block.strip()
        while block:
            found, end = decoder.raw_decode(block)
            shown.append(found)
            block = block[end:].strip()
    return shown


def test_every_example_of_the_document_is_taken() -> None:
    shop = source("shop")
    for example in documented():
        example = example | {"timestamp": "2025-11-22T10:15:00Z"}
        answer = post(shop, example)
        assert answer.status_code == 200, (example["type"], answer.content)
    assert {"order.refunded", "location.updated", "card_installed"} <= set(Event.objects.values_list("name", flat=True))
    assert Order.objects.get().refunded == 45000


def test_the_document_names_every_event() -> None:
    for name in EVENT_NAMES:
        assert f"`{name}`" in DOCUMENT, name
    assert not FROM_SHOPS.keys() & PLATFORM.keys()


def test_a_client_is_read_whole() -> None:
    (example,) = [each for each in documented() if each.get("anonymous_id") and each.get("client")]
    post(source("shop"), example | {"timestamp": "2025-11-22T10:15:00Z"})
    client = Client.objects.get()
    assert (client.email, client.phone, client.phone_quality) == ("clara@example.com", "+79123456789", "valid")
    assert (client.gender, client.zone, client.language) == ("f", "Europe/Moscow", "ru")
    assert str(client.birthday) == "1990-05-31"
    assert client.attributes == {"store": "arbat", "favourite_tea": "green"}
    assert {(row.channel, row.granted, row.evidence) for row in Consent.objects.all()} == {
        ("email", True, "shop:consents.email"),
        ("sms", False, "checkout form"),
    }


def test_fractions_of_goods_are_counted() -> None:
    post(source("shop"), event("cart.updated", cart_token="k", lines=LINES, currency="RUB"))
    assert Cart.objects.get().total == 22500
    assert Event.objects.get().payload["lines"][0]["quantity"] == "0.5"
    assert Event.objects.get().payload["total"] == "225.00"


def test_one_line_put_in_and_taken_out() -> None:
    shop = source("shop")
    line = {"product_id": "P-1", "price": "10.00", "quantity": 2}
    post(shop, event("product.added_to_cart", cart_token="k", **line))
    post(shop, event("product.removed_from_cart", cart_token="k", **line | {"quantity": 1}))
    assert list(Event.objects.order_by("id").values_list("name", "payload__change")) == [
        ("cart.updated", "added"),
        ("cart.updated", "removed"),
    ]
    (left,) = Cart.objects.get().lines
    assert Decimal(left["quantity"]) == 1


def test_a_cart_without_a_token_is_the_persons_own() -> None:
    post(source("shop"), event("cart.updated", lines=LINES))
    assert Cart.objects.get().token == "user:C-1"


def test_an_empty_cart_is_a_cleared_one() -> None:
    shop = source("shop")
    post(shop, event("cart.updated", cart_token="k", lines=LINES))
    post(shop, event("cart.updated", cart_token="k", lines=[]))
    post(shop, event("cart.cleared", cart_token="k"))
    assert list(Event.objects.order_by("id").values_list("name", flat=True)) == [
        "cart.updated",
        "cart.cleared",
        "cart.cleared",
    ]
    assert Cart.objects.get().lines == []


def test_a_paid_order_is_created_and_paid_and_said_once() -> None:
    shop = source("shop")
    post(shop, event("order.created", order_id=1, status="paid", lines=LINES))
    post(shop, event("order.paid", order_id="1"))
    post(shop, event("order.created", order_id=1, lines=LINES))
    assert sorted(Event.objects.values_list("external_id", flat=True)) == ["order.created:1", "order.paid:1"]
    order = Order.objects.get()
    assert (order.status, order.total) == ("paid", 22500)


@pytest.mark.parametrize(
    ("said", "stock", "in_stock"),
    [("3", 3, True), (0, 0, False), (-2, 0, False), (2.9, 2, True), ("9e99", 10**9, True), ("1e-99", 0, False)],
)
def test_a_product_learns_how_many_pieces_are_left(said, stock, in_stock) -> None:
    post(source("shop"), event("product.updated", None, product_id="P-1", stock=said))
    product = Product.objects.get()
    assert (product.stock, product.in_stock) == (stock, in_stock)


def test_a_product_learns_its_new_price() -> None:
    shop = source("shop")
    post(shop, event("product.price_changed", None, product_id="P-1", price="400", old_price="450", currency="RUB"))
    assert Product.objects.get().price == 40000
    assert Event.objects.get().payload["old_price"] == "450.00"
    assert Event.objects.get().client is None


def test_history_under_an_anonymous_id_joins_its_client() -> None:
    shop = source("shop")
    post(shop, {"type": "product.viewed", "anonymous_id": "cookie", "data": {"product_id": "P-1"}})
    assert Event.objects.get().client is None
    post(shop, event("customer.registered") | {"anonymous_id": "cookie"})
    assert set(Event.objects.values_list("client", flat=True)) == {Client.objects.get().pk}


def test_an_unusable_email_refuses_nothing() -> None:
    post(source("shop"), event("customer.updated", {"id": "C-1", "email": "clara@"}))
    assert Event.objects.get().payload["email_given"] == "clara@"
    assert set(Identity.objects.values_list("kind", flat=True)) == {"external"}


def test_own_names_become_slugs() -> None:
    post(source("shop"), event("Карта Установлена!", platform="ios"))
    assert Event.objects.get().name == "карта_установлена"
    assert Event.objects.get().payload == {"platform": "ios"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "type"),
        ({"type": 5.5, "data": []}, "data"),
        ({"type": "!!!"}, "type"),
        ({"type": "bonus.accrued", "client": CLIENT}, "type"),
        (event("cart.updated", cart_token="k"), "data.lines"),
        (event("cart.updated", None, lines=LINES), "data.cart_token"),
        (event("cart.updated", cart_token="k", lines=[{"price": 1}]), "data.lines[0].product_id"),
        (event("cart.updated", cart_token="k", lines=LINES, currency="BTC"), "data.currency"),
        (event("order.created", order_id=1, total="-1"), "data.total"),
        (event("order.created", total="1"), "data.order_id"),
        (event("order.created", order_id=1.5), "data.order_id"),
        (event("product.updated", None, product_id="P", stock="many"), "data.stock"),
        (event("location.updated", latitude=91, longitude=0), "data.latitude"),
        (event("location.updated", latitude="north", longitude=0), "data.latitude"),
        (event("customer.updated", {}), "client"),
        (event("customer.updated", {"id": "1", "birthday": "9999-01-01"}), "client.birthday"),
        (event("customer.updated", {"id": "1", "consents": {"fax": True}}), "client.consents.fax"),
        (event("customer.updated", {"id": "1", "consents": {"sms": "maybe"}}), "client.consents.sms.granted"),
        (event("visit.completed") | {"timestamp": "2999-01-01T00:00:00Z"}, "timestamp"),
        (event("visit.completed", note="a\0b"), "data.note"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_field(body: Any, field: str) -> None:
    answer = post(source("shop"), body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert RefusedDelivery.objects.count() == 1
    assert not Event.objects.exists()
    assert not Client.objects.exists()


def test_a_home_store_is_taken_by_its_code_and_another_word_is_passed_over() -> None:
    arbat = Store.objects.create(name="Arbat", slug="arbat", latitude=55.75, longitude=37.59)
    shop = source("shop")
    for told, home in (("nowhere", None), ("arbat", arbat), ("nowhere", arbat)):
        post(shop, event("customer.updated", CLIENT | {"store": told}))
        assert Client.objects.get().store == home


def test_a_place_is_where_the_client_is_and_off_the_earth_it_is_refused() -> None:
    shop = source("shop")
    assert post(shop, event("location.updated", latitude="55.75", longitude=37.61)).status_code == 200
    place = ClientLocation.objects.get()
    assert (place.client, place.latitude, place.longitude) == (Client.objects.get(), 55.75, 37.61)
    assert post(shop, event("location.updated", latitude=91, longitude=0)).json()["field"] == "data.latitude"
    assert post(shop, event("location.updated", latitude=1e-300, longitude=-1e-300)).status_code == 200


def test_an_order_is_paid_when_it_is_first_told_to_be() -> None:
    shop = source("shop")
    post(shop, event("order.created", order_id="5", lines=LINES) | {"timestamp": "2025-11-22T10:00:00Z"})
    assert Order.objects.get().paid_at is None
    for at in ("2025-11-23T10:00:00Z", "2025-11-24T10:00:00Z"):
        post(shop, event("order.paid", order_id="5") | {"timestamp": at})
    order = Order.objects.get()
    assert order.ordered_at == datetime(2025, 11, 22, 10, tzinfo=UTC)
    assert order.paid_at == datetime(2025, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "said", "discount"),
    [
        ([{"product_id": "P", "quantity": 2, "price": "100"}], {}, 0),
        ([{"product_id": "P", "quantity": 2, "price": "100", "total": "150"}], {}, 5000),
        ([{"product_id": "P", "quantity": 2, "price": "100", "total": "150"}], {"discount": "60"}, 6000),
        ([{"product_id": "P", "quantity": 1, "price": "100", "total": "120"}], {}, 0),
        ([{"product_id": "P", "quantity": 2, "price": "100", "total": "150"}], {"discount": "0"}, 0),
    ],
)
def test_a_discount_that_nobody_states_is_read_from_the_lines(lines: Any, said: Any, discount: int) -> None:
    post(source("shop"), event("order.created", order_id="5", lines=lines, **said))
    assert Order.objects.get().discount == discount
