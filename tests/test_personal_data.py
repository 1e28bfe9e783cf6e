"""Erasing leaves nobody's name anywhere, and the sums where they were (152-ФЗ, GDPR)."""

import json
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from loyalty.intake.facts import CartFact, Phone, Profile, Who
from loyalty.models import (
    BonusEntry,
    BonusHold,
    BonusLot,
    BonusOperation,
    Client,
    Consent,
    ConsentRequest,
    Event,
    RefusedDelivery,
)
from loyalty.services import ledger, personal
from loyalty.services.events import record
from messaging.models import (
    ClientAddress,
    InboundMessage,
    Link,
    Message,
    MessageRetry,
    SinkEmail,
    StaffContact,
    Suppression,
)
from messaging.services import outbox, replies, suppressed
from messaging.services.replies import Inbound
from scenarios.models import RunLog, ScenarioRun
from segments.services import membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

EMAIL, PHONE, NAME, FAMILY = "ludmila.secret@example.com", "+79261234599", "Ludmilla", "Tajnova"
SECRETS = (EMAIL, PHONE, NAME, FAMILY, "cookie-of-ludmila")


@pytest.fixture
def ludmila():
    shop = b.source()
    who = Who(
        external_id="C-77", phone=Phone(PHONE, PHONE, "valid"), email=EMAIL, anonymous=("anon:cookie-of-ludmila",)
    )
    profile = Profile(first_name=NAME, last_name=FAMILY, attributes={"nick": NAME})
    raw = {"email": EMAIL, "phone": PHONE}
    facts = [
        b.happened(shop, "customer.registered", who=who, profile=profile, raw=raw, payload={"email": EMAIL},
                   consents=(b.consent_fact(), b.consent_fact("sms"))),
        b.happened(shop, "cart.updated", who=who, cart=CartFact("cookie-of-ludmila", NOW, [], checkout_url=f"https://s/{EMAIL}")),
    ]  # fmt: skip
    record(shop, facts, NOW)
    person = Client.objects.get(email=EMAIL)
    ledger.accrue("test", ledger.Grant(person.pk, 500, "k", NOW, None), NOW)
    for channel, address in (("email", EMAIL), ("sms", PHONE)):
        outbox.queue(
            [
                outbox.Draft(
                    person.pk, 5, person.pk, channel, 1, channel, "marketing", address, f"Dear {NAME}", f"{NAME}!",
                    html=f"<b>{NAME}</b>", extras={"name": NAME},
                )
            ],
            NOW,
        )  # fmt: skip
        Suppression.objects.create(channel=channel, address=address, why="bounce", since=NOW)
    Message.objects.update(status="accepted", sent_at=NOW)
    replies.take(Inbound("sms", PHONE, f"It is {NAME} {FAMILY}", "SM1"), NOW)
    _say_it_everywhere(person, shop)
    RefusedDelivery.objects.create(
        source=shop, external_id="r", why="refused", body=f'{{"e": "{EMAIL}"}}', received_at=NOW
    )
    return person


def _say_it_everywhere(person, shop):
    """What staff, shops and apps may write about a client where nobody would look for a name."""
    olga = User.objects.create_superuser("olga", "olga@shop.example", "x")
    StaffContact.objects.create(user=olga, on_reply=True)
    replies.take(Inbound("sms", PHONE, f"I am {NAME}", "SM2"), NOW)
    Message.objects.filter(recipient="staff").update(status="accepted", sent_at=NOW)
    kept = InboundMessage.objects.latest("pk")
    for message in Message.objects.filter(client=person):
        SinkEmail.objects.create(message_id=f"<loyalty-{message.pk}@shop>", body=f"{NAME} {PHONE}", recipients=EMAIL)
    MessageRetry.objects.create(
        message=Message.objects.filter(client=person).first(), by="olga", at=NOW, error=f"550 {EMAIL}"
    )
    Link.objects.create(url=f"https://shop.example/?e={EMAIL}", created_at=NOW)
    Link.objects.create(url=f"https://shop.example/?e={quote(EMAIL)}", created_at=NOW)
    ledger.accrue("admin", ledger.Grant(person.pk, 70, "by hand", NOW, None, reason=f"a present to {NAME}"), NOW)
    ledger.accrue("till", ledger.Grant(person.pk, 30, "till", NOW, None, reason=f"sorry, {NAME}"), NOW)
    ledger.hold("till", person.pk, 10, "hold", NOW + timedelta(days=1), NOW, reason=f"receipt of {FAMILY}")
    ConsentRequest.objects.create(
        client=person, channel="whatsapp", source=shop, evidence="form", ip="203.0.113.9", agent=NAME, given_at=NOW,
        expires_at=NOW,
    )  # fmt: skip
    ClientAddress.objects.create(
        client=person, channel="push", value="t", device=f"Pixel of {NAME}", created_at=NOW, seen_at=NOW
    )
    membership.add(b.segment("ludmilas").pk, {person.pk: 0}, NOW)
    draft = b.scenario()
    b.wait(b.trunk(draft))
    b.live(draft)
    run = ScenarioRun.objects.create(
        scenario=draft, client=person, occurrence=f"api:{EMAIL}", state="finished", entered_at=NOW, finished_at=NOW
    )
    RunLog.objects.create(run_id=run.pk, scenario=draft, client=person, kind="step", detail=f"{NAME}", created_at=NOW)
    for about, words in ((person, f"phone of {NAME}"), (kept, f"I am {NAME}"), (draft, f"Took the log: ?q={EMAIL}")):
        LogEntry.objects.create(
            user=olga, content_type=ContentType.objects.get_for_model(about), object_id=str(about.pk),
            object_repr=words, change_message=words, action_flag=2,
        )  # fmt: skip


def _found(secret):
    """Tables and columns of text, JSON and arrays in which the words stand."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.table_name, c.column_name FROM information_schema.columns c
               JOIN information_schema.tables t USING (table_schema, table_name)
               WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
                 AND (c.data_type LIKE '%char%' OR c.data_type IN ('text', 'json', 'jsonb', 'ARRAY'))"""
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}"::text ILIKE %s', [f"%{secret}%"])
            if cursor.fetchone()[0]:
                found.append(f"{table}.{column}")
    return found


def test_nothing_that_tells_who_it_was_is_left_in_any_table(ludmila):
    assert all(_found(secret) for secret in SECRETS)
    personal.erase(ludmila.pk, NOW)
    assert {secret: _found(secret) for secret in SECRETS} == dict.fromkeys(SECRETS, [])


def test_the_ledger_has_the_same_sums_of_every_kind(ludmila):
    def sums():
        return [
            sorted(model.objects.values_list(*columns))
            for model, columns in (
                (BonusOperation, ("pk", "kind", "amount", "source", "key", "posted_at")),
                (BonusEntry, ("pk", "operation", "lot", "amount")),
                (BonusLot, ("pk", "amount", "remaining")),
                (BonusHold, ("pk", "amount", "state")),
            )
        ]

    before = sums()
    personal.erase(ludmila.pk, NOW)
    assert sums() == before
    call_command("audit_ledger")


def test_what_is_posted_is_still_fixed(ludmila):
    personal.erase(ludmila.pk, NOW)
    for change in ("reason = 'x'", "amount = 1"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE loyalty_bonusoperation SET {change}")


def test_every_table_that_names_a_client_is_in_the_export(ludmila):
    rooms = {"loyalty", "segments", "messaging", "scenarios"}
    naming = {
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in rooms
        and any(field.is_relation and field.related_model is Client for field in model._meta.concrete_fields)
    }
    assert naming - personal.export(ludmila.pk).keys() == set()


def test_sums_and_counts_stay(ludmila):
    before = (
        ledger.balance(ludmila.pk, NOW), BonusOperation.objects.count(), Event.objects.count(),
        Message.objects.filter(status="accepted").count(), Consent.objects.count(), InboundMessage.objects.count(),
    )  # fmt: skip
    personal.erase(ludmila.pk, NOW)
    assert before == (
        ledger.balance(ludmila.pk, NOW), BonusOperation.objects.count(), Event.objects.count(),
        Message.objects.filter(status="accepted").count(), Consent.objects.count(), InboundMessage.objects.count(),
    )  # fmt: skip
    ludmila.refresh_from_db()
    assert ludmila.erased_at == NOW
    assert Event.objects.filter(name="message.replied").first().payload["channel"] == "sms"


def test_who_must_not_be_written_to_stays_so(ludmila):
    personal.erase(ludmila.pk, NOW)
    assert suppressed.among("email", {EMAIL, "other@example.com"}) == {EMAIL}
    assert suppressed.among("sms", {PHONE}) == {PHONE}


def test_guests_who_became_the_client_are_erased_too(ludmila):
    guest = b.client(first_name=NAME, email="second.secret@example.com", phone="")
    Client.objects.filter(pk=guest.pk).update(merged_into=ludmila)
    personal.erase(guest.pk, NOW)
    assert _found("second.secret") == _found(EMAIL) == _found(NAME) == []


def test_erasing_again_changes_nothing_and_others_are_left_alone(ludmila):
    other = b.client(first_name="Igor")
    personal.erase(ludmila.pk, NOW)
    personal.erase(ludmila.pk, NOW)
    other.refresh_from_db()
    assert (other.first_name, other.erased_at) == ("Igor", None)


def test_events_are_still_append_only(ludmila):
    personal.erase(ludmila.pk, NOW)
    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute("UPDATE loyalty_event SET payload = '{}'")


def test_the_export_tells_everything_that_is_kept(ludmila):
    told = json.dumps(personal.export(ludmila.pk), default=str, ensure_ascii=False)
    assert all(word in told for word in (EMAIL, PHONE, NAME, FAMILY, "customer.registered", f"Dear {NAME}", "It is"))


def test_the_command_asks_first(ludmila, capsys):
    call_command("personal_data", "export", str(ludmila.pk))
    assert json.loads(capsys.readouterr().out)["loyalty_client"][0]["email"] == EMAIL
    with pytest.raises(CommandError):
        call_command("personal_data", "erase", str(ludmila.pk))
    call_command("personal_data", "erase", str(ludmila.pk), "--yes")
    assert _found(EMAIL) == []


def test_staff_may_with_the_permission_and_after_a_question(ludmila, client, admin_client, django_user_model):
    url = reverse("admin:loyalty_client_erase", args=[ludmila.pk])
    client.force_login(django_user_model.objects.create_user("marketer", is_staff=True))
    assert client.post(url, {"sure": ludmila.pk}).status_code == 403
    assert client.get(reverse("admin:loyalty_client_export", args=[ludmila.pk])).status_code == 403
    page = admin_client.get(url).content.decode()
    assert NAME in page
    assert reverse("admin:loyalty_client_changelist") in page  # the admin around it, with its menu and colours
    admin_client.post(url, {})
    assert _found(EMAIL)
    answer = admin_client.get(reverse("admin:loyalty_client_export", args=[ludmila.pk]))
    assert EMAIL in answer.content.decode()
    admin_client.post(url, {"sure": ludmila.pk})
    assert _found(EMAIL) == _found(NAME) == []
    page = admin_client.get(reverse("admin:loyalty_client_change", args=[ludmila.pk])).content.decode()
    assert "The personal data was erased on" in page
    assert url not in page
