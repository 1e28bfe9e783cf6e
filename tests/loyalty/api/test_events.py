"""Events told and read over the API."""

import pytest

from loyalty.models import Cart, Client, Event
from tests import builders as b
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db

CART = {
    "type": "cart.updated",
    "timestamp": "2025-11-22T10:15:00Z",
    "client": {"id": "C-1", "email": "clara@example.com"},
    "data": {"cart_token": "K-77", "lines": [{"product_id": "P-1", "quantity": 3, "price": "450.00"}]},
}


def test_an_event_does_all_that_the_shops_webhook_does():
    b.source(slug="shop")
    till = Till(source_slug="shop")
    answer = till.post("events/", CART | {"id": "e-1"})
    assert answer.status_code == 201
    (told,) = answer.json()["events"]
    event = Event.objects.get()
    assert told == {"id": event.pk, "new": True, "client": Client.objects.get().pk}
    assert (event.source.slug, event.external_id) == ("shop", "e-1")
    assert Cart.objects.get().total == 135_000


def test_an_event_is_recorded_once_by_its_id_and_else_by_its_key():
    till = Till()
    first = till.post("events/", CART | {"id": "e-1"}).json()["events"][0]
    assert till.post("events/", CART | {"id": "e-1"}).json()["events"] == [first | {"new": False}]
    till.post("events/", CART, "k1")
    till.post("events/", CART, "k1")
    assert Event.objects.count() == 2


def test_an_event_reads_as_it_was_told():
    till = Till()
    made = till.post("events/", CART | {"id": "e-1"}).json()["events"][0]
    told = till.get(f"events/{made['id']}/").json()
    assert told.pop("received_at")
    assert told.pop("payload")["cart_token"] == "K-77"
    assert told == {
        "id": made["id"],
        "external_id": "e-1",
        "name": "cart.updated",
        "source": "api",
        "client": made["client"],
        "occurred_at": "2025-11-22T10:15:00Z",
    }
    problem(till.get("events/999999/"), 404, "not-found")
