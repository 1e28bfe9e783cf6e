"""Clients: made, found, changed; names lead to one client."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.intake.facts import Phone, Who
from loyalty.models import Client, Consent, Event, Identity, Store
from loyalty.services import ledger
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db

ANNA = {
    "external_id": "C-42",
    "phone": "8 (999) 123-45-67",
    "email": "Anna@Example.com",
    "first_name": "Anna",
    "last_name": "Example",
    "birthday": "1990-05-31",
    "gender": "f",
    "zone": "Europe/Moscow",
    "language": "ru",
    "attributes": {"tea": "green"},
    "registered_at": "2024-03-01T08:00:00Z",
    "consents": {"email": True, "sms": False},
}


@pytest.fixture
def till() -> Till:
    b.source(slug="shop")
    return Till(source_slug="shop")


class TestRegistering:
    def test_a_client_is_made_with_all_that_was_told(self, till):
        answer = till.post("clients/", ANNA)
        assert answer.status_code == 201
        told = answer.json()
        assert told.pop("id") == Client.objects.get().pk
        assert told.pop("created_at")
        consents = {(each["channel"], each["granted"]) for each in told.pop("consents")}
        assert consents == {("email", True), ("sms", False)}
        assert told == {
            **{name: ANNA[name] for name in ("first_name", "last_name", "birthday", "gender", "zone", "language")},
            "external_ids": [{"source": "shop", "id": "C-42"}],
            "phone": "+79991234567",
            "phone_quality": "valid",
            "email": "anna@example.com",
            "attributes": {"tea": "green"},
            "store": None,
            "registered_at": "2024-03-01T08:00:00Z",
            "merged_into": None,
        }

    def test_it_is_an_event_that_scenarios_can_follow(self, till):
        till.post("clients/", {"phone": "+79991234567"})
        event = Event.objects.get(name="customer.registered")
        assert event.client == Client.objects.get()
        assert event.source.slug == "shop"

    def test_the_home_store_is_told_by_its_code(self, till):
        Store.objects.create(name="Arbat", slug="arbat", latitude=55.75, longitude=37.59)
        made = till.post("clients/", {"phone": "+79991234567", "store": "arbat"}).json()
        assert made["store"] == "arbat"
        assert till.patch(f"clients/{made['id']}/", {"store": ""}).json()["store"] is None
        problem(till.patch(f"clients/{made['id']}/", {"store": "nowhere"}), 400, "invalid", "store")

    def test_a_client_without_a_time_of_registering_registers_now(self, till):
        told = till.post("clients/", {"phone": "+79991234567"}).json()
        assert timezone.now() - Client.objects.get().registered_at < timedelta(minutes=1)
        assert told["registered_at"].endswith("Z")

    @pytest.mark.parametrize(
        ("field", "same"), [("external_id", "C-42"), ("phone", "+7 999 1234567"), ("email", "ANNA@example.com")]
    )
    def test_a_name_that_somebody_has_is_named(self, till, field, same):
        anna = till.post("clients/", ANNA).json()["id"]
        told = problem(till.post("clients/", {field: same, "first_name": "Other"}), 409, "duplicate", field)
        assert str(anna) in told["errors"][0]["reason"]
        assert Client.objects.count() == 1
        assert Client.objects.get().first_name == "Anna"

    def test_all_names_that_are_taken_are_named(self, till):
        till.post("clients/", {"phone": ANNA["phone"]})
        till.post("clients/", {"email": ANNA["email"]})
        told = problem(till.post("clients/", ANNA), 409, "duplicate")
        assert {error["field"] for error in told["errors"]} == {"phone", "email"}

    def test_names_that_a_webhook_taught_count(self, till):
        shop = till.row.source
        record(shop, [b.happened(shop, "visit.completed", who=Who(external_id="C-42"))], NOW)
        problem(till.post("clients/", {"external_id": "C-42"}), 409, "duplicate", "external_id")

    def test_the_same_id_of_another_system_is_another_client(self, till):
        assert till.post("clients/", {"external_id": "C-42"}).status_code == 201
        assert Till().post("clients/", {"external_id": "C-42"}).status_code == 201

    def test_carts_of_before_join_by_the_webhooks_rules(self, till):
        """A webhook that comes later finds the client whom the till made."""
        made = till.post("clients/", {"phone": "+79991234567"}).json()["id"]
        shop = till.row.source
        who = Who(external_id="C-1", phone=Phone("", "+79991234567", "valid"))
        fact = b.happened(shop, "visit.completed", who=who)
        assert record(shop, [fact], NOW)[0].client_id == made


class TestFinding:
    @pytest.mark.parametrize(
        "ref",
        [
            "{id}",
            "phone:+79991234567",
            "phone:%2B79991234567",
            "phone:89991234567",
            "email:Anna@Example.com",
            "external:shop:C-42",
        ],
    )
    def test_by_every_name(self, till, ref):
        anna = till.post("clients/", ANNA).json()
        found = till.get(f"clients/{ref.format(id=anna['id'])}/")
        assert found.status_code == 200
        assert found.json() == anna

    def test_who_was_merged_is_found_as_who_they_are_now(self, till):
        anna = till.post("clients/", ANNA).json()["id"]
        guest = b.client(merged_into_id=anna, phone="", email="")
        assert till.get(f"clients/{guest.pk}/").json()["id"] == anna
        assert [row["id"] for row in till.get("clients/").json()["results"]] == [anna]

    def test_with_and_without_the_last_slash(self, till):
        anna = till.post("clients", ANNA).json()
        assert till.get(f"clients/{anna['id']}").json() == anna
        assert till.get("clients").status_code == 200


class TestChanging:
    def test_what_is_named_changes_and_nothing_else(self, till):
        anna = till.post("clients/", ANNA).json()
        changed = till.patch("clients/external:shop:C-42/", {"first_name": "Anya", "attributes": {"cup": 1}})
        assert changed.status_code == 200
        assert changed.json() == anna | {"first_name": "Anya", "attributes": {"tea": "green", "cup": 1}}
        event = Event.objects.get(name="customer.updated")
        assert event.payload == {"changed": ["attributes", "first_name"]}
        assert event.client_id == anna["id"]

    def test_null_takes_an_attribute_and_a_birthday_away(self, till):
        anna = till.post("clients/", ANNA).json()
        told = till.patch(f"clients/{anna['id']}/", {"attributes": {"tea": None}, "birthday": None}).json()
        assert (told["attributes"], told["birthday"]) == ({}, None)

    def test_a_new_phone_is_the_name_and_the_old_one_is_free(self, till):
        anna = till.post("clients/", ANNA).json()["id"]
        assert till.patch(f"clients/{anna}/", {"phone": "+79997654321"}).json()["phone"] == "+79997654321"
        assert till.get("clients/phone:+79997654321/").json()["id"] == anna
        problem(till.get("clients/phone:+79991234567/"), 404)
        assert till.post("clients/", {"phone": "+79991234567"}).status_code == 201

    def test_an_empty_email_takes_it_away(self, till):
        anna = till.post("clients/", ANNA).json()["id"]
        assert till.patch(f"clients/{anna}/", {"email": ""}).json()["email"] == ""
        assert not Identity.objects.filter(kind="email").exists()

    @pytest.mark.parametrize(
        ("field", "value"), [("external_id", "C-42"), ("phone", "+79991234567"), ("email", "anna@example.com")]
    )
    def test_a_name_that_somebody_has_is_named(self, till, field, value):
        till.post("clients/", ANNA)
        other = till.post("clients/", {"external_id": "C-43"}).json()
        problem(till.patch(f"clients/{other['id']}/", {field: value, "first_name": "X"}), 409, "duplicate", field)
        assert till.get(f"clients/{other['id']}/").json() == other

    def test_ones_own_name_is_no_duplicate(self, till):
        anna = till.post("clients/", ANNA).json()
        assert till.patch(f"clients/{anna['id']}/", {"phone": ANNA["phone"], "external_id": "C-42"}).json() == anna

    def test_an_external_id_can_be_given_and_replaced(self, till):
        made = till.post("clients/", {"phone": "+79991234567"}).json()["id"]
        till.patch(f"clients/{made}/", {"external_id": "C-1"})
        told = till.patch(f"clients/{made}/", {"external_id": "C-2"}).json()
        assert told["external_ids"] == [{"source": "shop", "id": "C-2"}]

    def test_consent_is_added_with_its_evidence(self, till):
        anna = till.post("clients/", ANNA).json()["id"]
        told = till.patch(f"clients/{anna}/", {"consents": {"sms": True}}).json()
        assert {(each["channel"], each["granted"]) for each in told["consents"]} == {("email", True), ("sms", True)}
        assert Consent.objects.filter(channel="sms").count() == 2
        assert set(Consent.objects.values_list("evidence", flat=True)) == {"api"}


def test_a_balance_says_what_there_is_and_what_burns_next(till):
    anna, now = b.client(), timezone.now()
    soon, later = now + timedelta(days=3), now + timedelta(days=30)
    for key, amount, active, expires in [
        ("a", 300, now, soon),
        ("b", 50, now, soon),
        ("c", 100, now, later),
        ("d", 7, now, None),
        ("e", 20, now + timedelta(days=1), None),
    ]:
        ledger.accrue("t", ledger.Grant(anna.pk, amount, key, active, expires), now)
    told = till.get(f"clients/{anna.pk}/balance/").json()
    burning = [each["amount"] for each in told.pop("burning")]
    assert told == {"available": 457, "pending": 20, "held": 0, "debt": 0, "scale": 0}
    assert burning == [350, 100]
