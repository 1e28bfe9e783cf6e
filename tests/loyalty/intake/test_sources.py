"""Making sources, and sending samples to them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from loyalty.models import Cart, Client, Consent, Event, Order, Programme, Source
from loyalty.services import samples, sources
from tests.builders import NOW


def run(*arguments: str) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_source_is_made_once_and_its_key_shown_once() -> None:
    first = json.loads(run("create_source", "segment", "site", "--json"))
    assert first["webhook_url"] == "http://testserver/v1/batch"
    stored = Source.objects.get()
    assert stored.key_hash == Source.hash_key(first["write_key"])
    assert stored.secret == ""
    again = json.loads(run("create_source", "segment", "site", "--json"))
    assert again == first | {"write_key": None}
    assert Source.objects.get().key_hash == stored.key_hash


@pytest.mark.django_db
def test_a_shops_own_secret_is_taken_and_replaced() -> None:
    made = json.loads(run("create_source", "shopify", "store", "--secret", "hush", "--json"))
    assert made == {
        "kind": "shopify",
        "slug": "store",
        "secret": "hush",
        "webhook_url": "http://testserver/webhooks/shopify/store/",
    }
    run("create_source", "shopify", "store", "--secret", "hush2")
    assert Source.objects.get().secret == "hush2"
    assert "hush2" not in run("create_source", "shopify", "store")


@pytest.mark.django_db
def test_a_generated_shop_secret_is_one_of_standard_webhooks() -> None:
    secret = json.loads(run("create_source", "shop", "own", "--json"))["secret"]
    assert secret.startswith("whsec_")
    rotated = sources.rotate(Source.objects.get())
    assert rotated != secret
    assert Source.objects.get().secret == rotated


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [("magento", "x"), ("shop", "a b"), ("shop", "x" * 51), ("shop", "x", "--secret", "аб"), ("segment", "taken")],
)
def test_a_source_that_cannot_be_is_refused_with_a_reason(arguments: tuple[str, ...]) -> None:
    sources.create("shop", "taken")
    with pytest.raises(CommandError):
        run("create_source", *arguments)
    assert Source.objects.filter(kind__in=["shop", "segment"]).count() == 1


@pytest.mark.django_db
def test_two_sources_never_share_a_write_key() -> None:
    sources.create("segment", "one", secret="same-key")
    with pytest.raises(sources.SourceError):
        sources.create("segment", "two", secret="same-key")
    assert not Source.objects.filter(slug="two").exists()


@pytest.mark.django_db
def test_what_is_assumed_is_the_sources_then_the_programmes() -> None:
    made = sources.create("shop", "own").source
    found = sources.by_slug("shop", "own")
    assert found is not None
    assert (sources.origin(found).currency, sources.origin(found).phone_region) == ("RUB", "RU")
    Programme.objects.update_or_create(pk=1, defaults={"currency": "USD", "phone_region": "US"})
    assert sources.origin(sources.by_id(made.pk)).currency == "USD"
    Source.objects.filter(pk=made.pk).update(currency="EUR", phone_region="DE")
    assert sources.origin(sources.by_id(made.pk)).phone_region == "DE"
    Source.objects.filter(pk=made.pk).update(currency="???")
    assert sources.origin(sources.by_id(made.pk)).currency == "USD"


def demo_sources() -> None:
    """What `demo` makes."""
    for kind in ("shopify", "woocommerce", "shop"):
        sources.create(kind, f"demo-{kind}")
    sources.create("segment", "demo-segment", keep_key=True)


@pytest.mark.django_db(transaction=True)
def test_every_sample_is_taken(live_server: Any) -> None:
    demo_sources()
    for name in samples.names():
        assert "→ 200" in run("send_sample", name, "--url", live_server.url), name
    assert {"cart.updated", "checkout.started", "order.created", "customer.registered", "page.viewed"} <= set(
        Event.objects.values_list("name", flat=True)
    )
    assert Cart.objects.get(token="demo-cart-1").client == Client.objects.get(email="alice@example.com")
    assert Order.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_sample_can_be_changed_on_the_way(live_server: Any) -> None:
    demo_sources()
    run("send_sample", "shopify-cart", "--set", "token=c2", "--url", live_server.url)
    run(
        "send_sample",
        "shopify-checkout",
        "--set",
        "cart_token=c2",
        "--set",
        "customer.default_address.phone=555-555-SHIP",
        "--email",
        "me@example.com",
        "--consent",
        "yes",
        "--url",
        live_server.url,
    )
    client = Client.objects.get()
    assert client.email == "me@example.com"
    assert Cart.objects.get().client == client
    assert {row.channel: row.granted for row in Consent.objects.all()} == {"email": True, "sms": True}


@pytest.mark.django_db
def test_what_stands_in_the_way_of_a_sample_is_said() -> None:
    with pytest.raises(CommandError, match=r"manage\.py demo"):
        run("send_sample", "shopify-cart")
    with pytest.raises(CommandError, match="one of: segment-batch"):
        run("send_sample", "shopify")
    demo_sources()
    with pytest.raises(CommandError, match="make run"):
        run("send_sample", "shopify-cart", "--url", "http://127.0.0.1:1")
    with pytest.raises(CommandError, match="nothing at customer"):
        run("send_sample", "shopify-cart", "--set", "customer.id=1")
    with pytest.raises(CommandError, match="consent"):
        run("send_sample", "woocommerce-order", "--consent", "yes")
    with pytest.raises(CommandError, match="of kind shop"):
        run("send_sample", "shopify-cart", "--source", "demo-shop")


def test_samples_are_listed_with_what_they_are() -> None:
    listed = run("send_sample", "--list")
    assert [line.split()[0] for line in listed.splitlines()] == samples.names()


def test_the_times_of_a_sample_are_now() -> None:
    body = samples.load("shopify-cart", NOW).body
    assert body["updated_at"] == "2026-03-10T12:00:00.000Z"
