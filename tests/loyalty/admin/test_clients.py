"""Clients and their page; sources and their secrets; refused deliveries."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.models import Cart, Client, Event, Order, Programme, RefusedDelivery, Source
from loyalty.services import ledger
from messaging.models import Message
from tests.builders import NOW, client, record_event, source

pytestmark = pytest.mark.django_db


def test_client_is_found_by_every_name_that_staff_have(admin_client):
    wanted = client(first_name="Мария", last_name="Иванова", phone="+79161234567", email="maria@example.com")
    wanted.identities.create(kind="external", scope="shop", value="C-17")
    other = client(first_name="Boris")
    url = reverse("admin:loyalty_client_changelist")
    for text in (
        "+79161234567",
        "8 916 123-45-67",
        "MARIA@example.com",
        "C-17",
        "Мария",
        "иванова мар",
        str(wanted.pk),
    ):
        page = admin_client.get(url, {"q": text}).content.decode()
        assert wanted.phone in page, text
        assert other.phone not in page, text


@pytest.mark.parametrize("text", ["'", "%", "\\", "a" * 5000, "\x00", "１２３", "+", "9" * 40])
def test_odd_searches_find_nobody_and_break_nothing(admin_client, text):
    client()
    assert admin_client.get(reverse("admin:loyalty_client_changelist"), {"q": text}).status_code == 200


def test_page_shows_balance_lots_and_timeline(admin_client):
    person = client()
    now = NOW.replace(year=2099)
    ledger.accrue("test", ledger.Grant(person.pk, 300, "a", NOW, now + timedelta(days=1)), NOW)
    ledger.accrue("test", ledger.Grant(person.pk, 40, "b", now, None), NOW)
    made = source()
    for number in range(35):
        record_event(made, "product.viewed", person, at=NOW + timedelta(minutes=number))
    Order.objects.create(
        source=made,
        external_id="7",
        number="№7",
        client=person,
        currency="RUB",
        total=123450,
        ordered_at=NOW,
        changed_at=NOW,
    )
    Cart.objects.create(source=made, token="t", client=person, total=100, currency="RUB", changed_at=NOW)
    url = reverse("admin:loyalty_client_change", args=[person.pk])
    page = admin_client.get(url).content.decode()
    for words in ("300 burn on March 11, 2099", "and 40 not active yet", "1 234.50 RUB", "№7", "Product viewed"):
        assert words in page
    assert 'href="?events=2#timeline"' in page
    assert "Newer" in admin_client.get(url + "?events=2").content.decode()
    for odd in ("0", "x", "-1", "9" * 30):
        assert admin_client.get(url, {"events": odd}).status_code == 200


def test_list_of_clients_costs_the_same_however_many_there_are(admin_client):
    url = reverse("admin:loyalty_client_changelist")
    client()
    with CaptureQueriesContext(connection) as few:
        admin_client.get(url)
    for _ in range(30):
        client()
    with CaptureQueriesContext(connection) as many:
        admin_client.get(url)
    assert len(many) == len(few)


def test_edited_profile_keeps_phone_and_e_mail(admin_client):
    person = client(phone="+79161234567")
    url = reverse("admin:loyalty_client_change", args=[person.pk])
    values = {
        "first_name": "Vera", "last_name": "", "birthday": "1990-02-03", "gender": "f", "zone": "Asia/Omsk",
        "language": "ru", "phone": "+70000000000", "email": "other@example.com",
    }  # fmt: skip
    assert admin_client.post(url, values).status_code == 302
    person.refresh_from_db()
    assert (person.first_name, person.zone, person.phone) == ("Vera", "Asia/Omsk", "+79161234567")
    assert person.email != "other@example.com"


def test_secret_goes_in_and_never_comes_out(admin_client):
    add = reverse("admin:loyalty_source_add")
    values = {"kind": "shopify", "slug": "my-shop", "name": "Shop", "new_secret": "shpss_very_secret", "active": "on"}
    admin_client.post(add, values)
    made = Source.objects.get(slug="my-shop")
    assert (made.secret, made.active) == ("shpss_very_secret", True)
    change = reverse("admin:loyalty_source_change", args=[made.pk])
    assert "shpss_very_secret" not in admin_client.get(change).content.decode()
    admin_client.post(change, {"name": "Renamed", "new_secret": "", "active": "on"})
    made.refresh_from_db()
    assert (made.name, made.secret) == ("Renamed", "shpss_very_secret")


def test_made_key_is_shown_once(admin_client):
    answer = admin_client.post(
        reverse("admin:loyalty_source_add"), {"kind": "segment", "slug": "site", "name": "", "active": "on"}
    )
    made = Source.objects.get(slug="site")
    page = answer.content.decode()
    key = page.split('<code id="secret">')[1].split("<")[0]
    assert Source.hash_key(key) == made.key_hash
    assert "no-store" in answer["Cache-Control"]
    url = reverse("admin:loyalty_source_new_key", args=[made.pk])
    assert key not in admin_client.get(url).content.decode()
    assert Source.objects.get(pk=made.pk).key_hash == made.key_hash
    new = admin_client.post(url).content.decode().split('<code id="secret">')[1].split("<")[0]
    assert Source.objects.get(pk=made.pk).key_hash == Source.hash_key(new)


def test_wrong_secret_of_a_source_is_refused_in_words(admin_client):
    values = {"kind": "shop", "slug": "bad", "name": "", "new_secret": "whsec_!!!", "active": "on"}
    page = admin_client.post(reverse("admin:loyalty_source_add"), values, follow=True).content.decode()
    assert "base64" in page
    assert not Source.objects.filter(slug="bad").exists()


def test_refused_delivery_is_replayed(admin_client):
    made = source(Source.Kind.SEGMENT)
    good = (
        '{"type": "track", "event": "Cart Viewed", "userId": "u1", "messageId": "m1", "properties": {"cart_id": "c"}}'
    )
    rows = [
        RefusedDelivery.objects.create(source=made, external_id=str(n), why="refused", body=body, received_at=NOW)
        for n, body in enumerate((good, "{}"))
    ]
    url = reverse("admin:loyalty_refuseddelivery_changelist")
    posted = {"action": "replay", "index": 0, "_selected_action": [row.pk for row in rows]}
    page = admin_client.post(url, posted, follow=True).content.decode()
    assert "1 delivery was taken." in page
    assert Event.objects.filter(source=made).count() == 1
    rows[0].refresh_from_db()
    rows[1].refresh_from_db()
    assert rows[0].replayed_at is not None
    assert rows[1].replayed_at is None


def test_programme_is_one_row(admin_client):
    answer = admin_client.get(reverse("admin:loyalty_programme_changelist"), follow=True)
    assert answer.status_code == 200
    assert Programme.objects.count() == 1
    assert admin_client.get(reverse("admin:loyalty_programme_add")).status_code == 403


def test_address_of_a_cart_becomes_a_link_only_when_it_is_one(admin_client):
    made = source()
    for token, address in (("a", "https://shop.example/c"), ("b", "javascript:alert(1)")):
        Cart.objects.create(source=made, token=token, checkout_url=address, changed_at=NOW)
    pages = [
        admin_client.get(reverse("admin:loyalty_cart_change", args=[cart.pk])).content.decode()
        for cart in Cart.objects.order_by("token")
    ]
    assert 'href="https://shop.example/c"' in pages[0]
    assert 'href="javascript' not in pages[1]


def test_facts_are_read_only(admin_client):
    person = client()
    message = Message.objects.create(client=person, channel="sms", topic="x", body="Hi!", due_at=NOW, created_at=NOW)
    assert "Hi!" in admin_client.get(reverse("admin:messaging_message_change", args=[message.pk])).content.decode()
    for model in ("loyalty_event", "loyalty_order", "loyalty_cart", "loyalty_product", "messaging_message"):
        assert admin_client.get(reverse(f"admin:{model}_changelist")).status_code == 200
        assert admin_client.post(reverse(f"admin:{model}_add")).status_code == 403


def test_start_page_counts(admin_client):
    page = admin_client.get("/admin/").content.decode()
    assert "Clients inside now" in page
    assert Client.objects.count() == 0
