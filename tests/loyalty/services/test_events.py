"""Recording facts: once, joined to their client, in any order of arrival (semantics §2)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty.intake.facts import CartFact, Fact, Line, OrderFact, Phone, ProductFact, Profile, Who
from loyalty.models import Cart, Client, Consent, Event, Identity, Order, Product, UnreadEvent
from loyalty.services import ledger
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

SHIRT = ProductFact("p1", sku="S-1", title="Shirt", category="Clothes", price=1999, currency="USD")


def _line(quantity: int = 1) -> Line:
    return Line(SHIRT, Decimal(quantity), 1999, 1999 * quantity)


def test_a_repeated_delivery_returns_the_first_result_and_changes_nothing():
    shop = b.source()
    fact = b.happened(shop, "page.viewed", who=Who(email="a@example.com"), external_id="x1")
    first = record(shop, [fact], NOW)[0]
    again = record(shop, [fact, fact], NOW + timedelta(minutes=1))
    assert first.new
    assert [(r.event_id, r.new) for r in again] == [(first.event_id, False)] * 2
    assert Event.objects.count() == Client.objects.count() == 1


def test_the_same_id_of_another_source_is_another_event():
    facts = [b.happened(b.source(), "page.viewed", external_id="x1") for _ in range(2)]
    for origin, fact in zip((b.source(), b.source()), facts, strict=True):
        record(origin, [fact], NOW)
    assert Event.objects.count() == 2


def test_an_anonymous_cart_joins_the_client_that_a_checkout_names():
    shop = b.source("shopify")
    cart = Fact("c1", "cart.updated", NOW, Who(anonymous=("cart:tok",)), cart=CartFact("tok", NOW, [_line(3)]))
    record(shop, [cart], NOW)
    assert Event.objects.get().client is None
    assert not UnreadEvent.objects.exists()

    later = NOW + timedelta(minutes=5)
    named = Who(email="bob@example.com", anonymous=("cart:tok",))
    record(shop, [Fact("c2", "checkout.started", later, named)], later)

    bob = Client.objects.get()
    assert set(Event.objects.values_list("client", flat=True)) == {bob.pk}
    assert UnreadEvent.objects.count() == 2  # the joined history is read again
    assert Cart.objects.get().client == bob
    assert Event.objects.get(external_id="c1").occurred_at == NOW


def test_a_known_anonymous_id_leads_to_its_client():
    shop = b.source("segment")
    record(shop, [Fact("1", "client.identified", NOW, Who("u1", anonymous=("anon:a",)))], NOW)
    record(shop, [Fact("2", "page.viewed", NOW, Who(anonymous=("anon:a",)))], NOW)
    assert Client.objects.count() == 1
    assert Event.objects.filter(client__isnull=True).count() == 0


def test_another_customer_on_the_same_browser_is_another_client():
    shop = b.source("segment")
    for number in ("u1", "u2"):
        record(shop, [Fact(number, "client.identified", NOW, Who(number, anonymous=("anon:a",)))], NOW)
    assert Client.objects.count() == 2
    assert Identity.objects.get(kind="anonymous").client.identities.filter(value="u2").exists()


def test_one_batch_may_name_a_client_by_turns():
    shop = b.source("segment")
    facts = [
        Fact("1", "page.viewed", NOW, Who(anonymous=("anon:a",))),
        Fact("2", "client.identified", NOW, Who("u1", anonymous=("anon:a",))),
        Fact("3", "order.created", NOW, Who("u1", email="u1@example.com")),
        Fact("4", "page.viewed", NOW, Who(email="u1@example.com")),
    ]
    record(shop, facts, NOW)
    assert Client.objects.count() == 1
    assert set(Event.objects.values_list("client", flat=True)) == {Client.objects.get().pk}


def test_a_guest_becomes_the_customer_who_has_the_same_email():
    shop = b.source()
    record(shop, [Fact("1", "order.created", NOW, Who(email="eve@example.com"))], NOW)
    guest = Client.objects.get()
    ledger.accrue("test", ledger.Grant(guest.pk, 50, "g", NOW), NOW)
    record(shop, [Fact("2", "customer.registered", NOW, Who("7"))], NOW)
    record(shop, [Fact("3", "customer.updated", NOW, Who("7", email="eve@example.com"))], NOW)

    customer = Identity.objects.get(kind="external").client
    guest.refresh_from_db()
    assert guest.merged_into == customer
    assert customer.email == "eve@example.com"
    assert set(Event.objects.filter(name__startswith="order").values_list("client", flat=True)) == {customer.pk}
    assert ledger.balance(customer.pk, NOW).available == 50
    assert ledger.balance(guest.pk, NOW).available == 0
    assert Event.objects.filter(name="client.merged", client=customer).count() == 1


def test_two_customers_who_share_an_email_are_not_merged():
    shop = b.source()
    record(shop, [Fact("1", "customer.registered", NOW, Who("1", email="shared@example.com"))], NOW)
    record(shop, [Fact("2", "customer.registered", NOW, Who("2", email="shared@example.com"))], NOW)
    assert Client.objects.filter(merged_into=None).count() == 2


def test_a_guest_who_registers_in_the_same_browser_is_one_client():
    shop = b.source("segment")
    record(shop, [Fact("1", "client.identified", NOW, Who(email="g@example.com", anonymous=("anon:a",)))], NOW)
    record(shop, [Fact("2", "client.identified", NOW, Who("u1", anonymous=("anon:a",)))], NOW)
    assert Client.objects.count() == 1


def test_an_alias_makes_two_customers_one_because_the_shop_said_so():
    shop = b.source("segment")
    for number in ("old", "new"):
        record(shop, [Fact(number, "client.identified", NOW, Who(number))], NOW)
    record(shop, [Fact("3", "client.identified", NOW, Who("new", previous=("old",)))], NOW)
    survivor = Client.objects.get(merged_into=None)
    assert set(survivor.identities.values_list("value", flat=True)) >= {"old", "new"}


def test_late_news_never_wins_over_newer():
    shop = b.source()
    who = Who("1")
    new, old = NOW, NOW - timedelta(hours=1)
    for number, (at, name, quantity) in enumerate([(new, "Anna", 2), (old, "Ann", 9)]):
        record(
            shop,
            [
                Fact(
                    f"n{number}",
                    "cart.updated",
                    at,
                    who,
                    profile=Profile(first_name=name, attributes={"size": name}),
                    cart=CartFact("t", at, [_line(quantity)]),
                )
            ],
            NOW,
        )
    anna = Client.objects.get()
    assert (anna.first_name, anna.attributes) == ("Anna", {"size": "Anna"})
    assert Cart.objects.get().lines[0]["quantity"] == "2"


@pytest.mark.parametrize("order", [("created", "paid", "refunded"), ("refunded", "paid", "created")])
def test_an_order_ends_the_same_whatever_order_its_news_arrives_in(order):
    shop = b.source()
    news = {
        "created": OrderFact("o1", NOW, Order.Status.CREATED, currency="USD", total=3998, lines=[_line(2)]),
        "paid": OrderFact("o1", NOW + timedelta(minutes=1), Order.Status.PAID, currency="USD", total=3998),
        "refunded": OrderFact("o1", NOW + timedelta(minutes=2), refunded=1999),
    }
    for name in order:
        record(shop, [Fact(name, f"order.{name}", NOW, Who("1"), order=news[name])], NOW)
    made = Order.objects.get()
    assert (made.status, made.total, made.refunded) == (Order.Status.PART_REFUNDED, 3998, 1999)
    assert [line.quantity for line in made.lines.all()] == [2]
    assert made.lines.get().product == Product.objects.get(external_id="p1")


def test_a_refund_that_is_delivered_twice_counts_once():
    shop = b.source()
    refund = Fact("refund:1", "order.refunded", NOW, Who("1"), order=OrderFact("o1", NOW, refunded=500))
    for _ in range(2):
        record(shop, [refund], NOW)
    assert Order.objects.get().refunded == 500


def test_consent_is_written_with_its_source_and_the_newest_counts():
    shop = b.source()
    told = Fact("1", "customer.updated", NOW, Who("1"), consents=(b.consent_fact("email", granted=False),))
    record(shop, [told], NOW)
    row = Consent.objects.get()
    assert (row.granted, row.source, row.given_at) == (False, shop, NOW)


def test_a_phone_that_is_unusable_is_kept_as_given():
    shop = b.source()
    record(shop, [Fact("1", "customer.updated", NOW, Who("1", Phone("555-SHIP", "", "unusable")))], NOW)
    client = Client.objects.get()
    assert (client.phone, client.phone_given, client.phone_quality) == ("", "555-SHIP", "unusable")


def test_imported_history_is_not_queued_for_triggers():
    shop = b.source()
    record(shop, [Fact("1", "order.created", NOW, Who("1"), triggers=False)], NOW)
    assert not UnreadEvent.objects.exists()


def test_the_database_refuses_to_change_or_delete_an_event():
    shop = b.source()
    record(shop, [Fact("1", "order.created", NOW, Who("1"))], NOW)
    for statement in ("UPDATE loyalty_event SET name = 'x'", "DELETE FROM loyalty_event"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_batch_of_events_takes_a_bounded_number_of_queries(django_assert_max_num_queries):
    shop = b.source()
    who = [Who(f"u{n}", email=f"u{n}@example.com") for n in range(100)]
    facts = [
        Fact(
            f"f{n}",
            "cart.updated",
            NOW,
            person,
            profile=Profile(first_name="A"),
            cart=CartFact(f"t{n}", NOW, [_line()]),
        )
        for n, person in enumerate(who)
    ]
    with django_assert_max_num_queries(20):
        record(shop, facts, NOW)


def test_a_refund_is_about_the_client_of_its_order_in_any_order_of_arrival():
    shop = b.source()
    refund = [Fact(f"refund:{n}", "order.refunded", NOW, order=OrderFact("o1", NOW, refunded=5)) for n in (1, 2)]
    record(shop, refund[:1], NOW)
    assert Event.objects.get().client is None
    told = OrderFact("o1", NOW, Order.Status.CREATED, currency="USD", total=100)
    record(shop, [Fact("created", "order.created", NOW, Who("1"), order=told)], NOW)
    record(shop, refund[1:], NOW)
    assert set(Event.objects.values_list("client", flat=True)) == {Client.objects.get().pk}
    assert UnreadEvent.objects.count() == 3


def test_the_same_word_on_consent_is_one_row():
    shop = b.source()
    for number in range(3):
        record(shop, [Fact(str(number), "order.updated", NOW, Who("1"), consents=(b.consent_fact(),))], NOW)
    assert Consent.objects.count() == 1


def test_a_cart_that_changes_after_its_order_is_open_again():
    shop = b.source()

    def cart(number: int, at):
        record(shop, [Fact(f"c{number}", "cart.updated", at, Who("1"), cart=CartFact("t", at, [_line()]))], NOW)
        made = Cart.objects.get()
        return made.ordered_at is None or made.ordered_at < made.changed_at

    order = OrderFact("o1", NOW, currency="USD", total=1999, cart_token="t", ordered_at=NOW)
    assert cart(1, NOW - timedelta(minutes=9))
    record(shop, [Fact("o", "order.created", NOW, Who("1"), order=order)], NOW)
    assert not cart(2, NOW - timedelta(minutes=5))
    assert cart(3, NOW + timedelta(minutes=5))
