"""Staff are written to by e-mail, Telegram or SMS as they prefer, and told once (semantics §29, §55)."""

import orjson
import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse

from loyalty.models import RefusedDelivery
from messaging import tokens
from messaging.models import InboundMessage, Message, StaffContact, TelegramAccount
from messaging.services import outbox, replies, staff
from messaging.services.replies import Inbound
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import NotifyStaff
from scenarios.services import alarms
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    """Olga reads e-mail, Pavel Telegram, Sveta SMS."""
    people = {}
    for name, wishes in (
        ("olga", {}),
        ("pavel", {"telegram": "777", "prefers": "telegram"}),
        ("sveta", {"phone": "+79160000001", "prefers": "sms"}),
    ):
        user = User.objects.create_superuser(name, f"{name}@shop.example", "x")
        people[name] = StaffContact.objects.create(user=user, on_reply=True, on_problem=True, **wishes)
    return people


def _told():
    rows = Message.objects.filter(recipient="staff").order_by("pk")
    return [(row.channel, row.address, bool(row.subject)) for row in rows]


EACH = [
    ("email", "olga@shop.example", True),
    ("telegram", "777", False),
    ("sms", "+79160000001", False),
]


class TestStep:
    def _walk(self, **values):
        draft = b.scenario()
        b.add(NotifyStaff, b.trunk(draft), to="role", role="administrator", subject="Hi", body="Call", **values)
        b.live(draft)
        b.record_event(b.source(), "order.created", b.client())
        read_events(NOW)
        advance_due(NOW)

    def test_each_is_told_as_they_prefer(self, office):
        self._walk(channel="own")
        assert _told() == EACH

    @pytest.mark.parametrize(("channel", "address"), [("telegram", "777"), ("sms", "+79160000001")])
    def test_by_one_channel_only_those_who_have_it(self, office, channel, address):
        self._walk(channel=channel)
        assert _told() == [(channel, address, False)]

    def test_who_lost_the_preferred_address_is_reached_by_another(self, office):
        StaffContact.objects.update(phone="", telegram="")
        self._walk(channel="own")
        assert {channel for channel, _address, _subject in _told()} == {"email"}

    def test_it_goes_out_whatever_rules_there_are_for_clients(self, office):
        self._walk(channel="own")
        outbox.send_due(NOW)
        assert set(Message.objects.values_list("status", flat=True)) == {"accepted"}


class TestMessagesFromClients:
    def _write(self, text, number="SM1", client=None):
        client = client or b.client()
        replies.take(Inbound("sms", client.phone, text, number), NOW)
        return client

    def test_free_text_is_told_once_to_those_who_asked(self, office):
        StaffContact.objects.filter(user__username="sveta").update(on_reply=False)
        anna = self._write("When do you open?")
        self._write("When do you open?", client=anna)
        assert _told() == EACH[:2]
        body = Message.objects.filter(recipient="staff").first().body
        assert "When do you open?" in body
        assert reverse("admin:messaging_inboundmessage_change", args=[InboundMessage.objects.get().pk]) in body

    @pytest.mark.parametrize("text", ["STOP", "стоп", "START"])
    def test_a_word_that_the_platform_obeys_needs_nobody(self, office, text):
        self._write(text)
        assert _told() == []

    def test_of_somebody_unknown_too(self, office):
        replies.take(Inbound("sms", "+79995550000", "Hello", "SM2"), NOW)
        assert _told() == EACH


class TestProblems:
    def _refuse(self):
        number = RefusedDelivery.objects.count()
        RefusedDelivery.objects.create(
            source=b.source(), external_id=str(number), why="refused", body="{}", received_at=NOW
        )

    def test_a_kind_of_problem_is_told_once_a_day(self, office):
        assert alarms.tell(NOW) == 0
        self._refuse()
        assert alarms.tell(NOW) == 3
        assert _told() == EACH
        self._refuse()
        assert alarms.tell(NOW) == 0
        assert alarms.tell(NOW.replace(day=NOW.day + 1)) == 3

    def test_nobody_who_did_not_ask_or_has_left_is_told(self, office):
        self._refuse()
        StaffContact.objects.filter(user__username="olga").update(on_problem=False)
        User.objects.filter(username="pavel").update(is_active=False)
        alarms.tell(NOW)
        assert _told() == EACH[2:]


class TestTelegram:
    @pytest.fixture
    def bot(self):
        return TelegramAccount.objects.create(name="Bot", channel="telegram", username="shop_bot", token="t")

    def _start(self, bot, token, chat=888):
        said = {"update_id": 1, "message": {"chat": {"id": chat, "type": "private"}, "text": f"/start {token}"}}
        return Browser().post(
            f"/webhooks/telegram/{bot.pk}/",
            orjson.dumps(said),
            content_type="application/json",
            headers={"X-Telegram-Bot-Api-Secret-Token": bot.webhook_secret},
        )

    def test_the_link_connects_the_chat(self, bot):
        user = User.objects.create_user("nina", "", "x", is_staff=True)
        token = staff.telegram_link(user.pk).partition("?start=")[2]
        assert len(token) <= 64
        assert self._start(bot, token).status_code == 204
        assert (user.staff_contact.telegram, user.staff_contact.prefers) == ("888", "telegram")

    def test_a_link_for_clients_connects_nobody_of_the_staff(self, bot, office):
        olga = office["olga"].user
        for token in (tokens.sign(tokens.Purpose.PREFERENCES, olga.pk), "A" * 20, ""):
            self._start(bot, token)
        assert StaffContact.objects.get(user=olga).telegram == ""


class TestAdmin:
    def _save(self, browser, user, **values):
        form = {
            "username": user.username, "email": user.email, "is_active": "on", "is_staff": "on", "is_superuser": "on",
            "date_joined_0": "2026-01-01", "date_joined_1": "10:00:00", "last_login_0": "", "last_login_1": "",
            "staff_contact-TOTAL_FORMS": "1", "staff_contact-INITIAL_FORMS": "1",
            "staff_contact-0-id": user.staff_contact.pk, "staff_contact-0-user": user.pk,
            "staff_contact-0-prefers": "email", "staff_contact-0-phone": "", "staff_contact-0-telegram": "",
        } | {f"staff_contact-0-{name}": value for name, value in values.items()}  # fmt: skip
        return browser.post(reverse("admin:auth_user_change", args=[user.pk]), form)

    def test_addresses_and_wishes_are_edited_on_the_page_of_the_user(self, admin_client, office):
        user = office["olga"].user
        answer = self._save(admin_client, user, prefers="sms", phone="8 916 000-00-02", on_problem="on")
        assert answer.status_code == 200  # the country is missing
        assert self._save(admin_client, user, prefers="sms", phone="+7 916 000-00-02").status_code == 302
        contact = StaffContact.objects.get(user=user)
        assert (contact.phone, contact.prefers, contact.on_problem) == ("+79160000002", "sms", False)

    def test_what_is_preferred_has_to_have_an_address(self, admin_client, office):
        assert (
            "Needed to write there."
            in self._save(admin_client, office["olga"].user, prefers="telegram").content.decode()
        )

    def test_a_new_user_is_made_without(self, admin_client):
        assert admin_client.get(reverse("admin:auth_user_add")).status_code == 200
