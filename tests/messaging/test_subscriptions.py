"""Unsubscribing acts at once and leaves evidence; only a POST acts (semantics §27, RFC 8058)."""

import pytest
from django.test import Client as Browser

from loyalty.models import Client, Consent, Event
from loyalty.services.consents import Evidence
from messaging import tokens
from messaging.channels import email_text
from messaging.models import BONUS_NOTICES, Message
from messaging.services import outbox, policy, recipients, rulebook, subscriptions
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _message(person, topic="marketing", **values):
    draft = outbox.Draft(person.pk, 5, person.pk, "s1", 1, "email", topic, person.email, "Subject", "Text", **values)
    (message_id,) = outbox.queue([draft], NOW)
    return Message.objects.get(pk=message_id)


def _path(message):
    return f"/u/{tokens.sign(tokens.Purpose.PREFERENCES, message.client_id, message.pk)}"


def _refused(person, channel="email", topic="marketing"):
    from_now = Consent.objects.filter(client=person).latest("given_at").given_at
    now = max(from_now, NOW)
    asks = policy.asks_of(recipients.load([person.pk]), channel, topic)
    verdicts = policy.judge(asks, rulebook.load(now), now, policy.Stage.SHOWING)
    return {client_id: verdict.reason for client_id, verdict in verdicts.items()}


class TestHeaders:
    def test_a_marketing_email_says_how_to_leave(self):
        message = _message(b.client())
        headers = email_text.compose(message, "us@example.com").message()
        assert headers["List-Unsubscribe"] == f"<{tokens.preferences_url(message.client_id, message.pk)}>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    @pytest.mark.parametrize(("topic", "recipient"), [("service", "client"), ("staff", "staff")])
    def test_what_the_client_is_owed_and_what_staff_read_does_not(self, topic, recipient):
        message = _message(b.client(), topic, recipient=recipient)
        assert "List-Unsubscribe" not in email_text.compose(message, "us@example.com").message()

    def test_a_text_may_carry_the_link(self):
        person = b.client()
        values = recipients.load([person.pk])[person.pk].variables()
        assert values["unsubscribe_url"] == tokens.preferences_url(person.pk)


class TestOneClick:
    def _click(self, message, **headers):
        return Browser(headers={"user-agent": "Mailer/1"} | headers).post(
            _path(message), {"List-Unsubscribe": "One-Click"}, REMOTE_ADDR="203.0.113.9"
        )

    def test_a_post_acts_at_once(self):
        anna = b.client()
        message = _message(anna)
        assert self._click(message).status_code == 200
        assert set(_refused(anna).values()) == {"no_consent"}
        assert not _refused(anna, "sms")
        message.refresh_from_db()
        assert (message.status, message.reason) == ("withheld", "no_consent")

    def test_the_evidence_is_kept(self):
        self._click(_message(b.client()))
        word = Consent.objects.latest("given_at")
        assert (word.granted, word.evidence) == (False, "List-Unsubscribe")
        assert (word.ip, word.agent) == ("203.0.113.9", "Mailer/1")
        assert word.source.kind == "platform"

    def test_it_is_one_event_of_the_message(self):
        message = _message(b.client())
        self._click(message)
        self._click(message)
        event = Event.objects.get(name="message.unsubscribed")
        assert event.payload["message"] == message.pk
        assert (event.payload["channel"], event.payload["topic"]) == ("email", "marketing")

    def test_looking_changes_nothing(self):
        anna = b.client()
        path = _path(_message(anna))
        before = Consent.objects.count()
        for _ in range(2):
            assert Browser().get(path).status_code == 200
            assert Browser().head(path).status_code == 200
        assert Consent.objects.count() == before

    def test_a_link_of_a_message_that_left_the_log_still_works(self):
        anna = b.client()
        message = _message(anna)
        path = _path(message)
        Message.objects.all().delete()
        Browser().post(path, {"List-Unsubscribe": "One-Click"})
        assert set(_refused(anna).values()) == {"no_consent"}

    def test_a_guest_who_became_a_customer_unsubscribes_the_customer(self):
        guest, anna = b.client(), b.client()
        path = _path(_message(guest))
        Client.objects.filter(pk=guest.pk).update(merged_into=anna)
        Browser().post(path, {"List-Unsubscribe": "One-Click"})
        assert set(_refused(anna).values()) == {"no_consent"}


class TestPage:
    def test_it_shows_what_is_agreed_to_and_ticks_nothing_else(self):
        anna = b.client()
        b.agree(anna, channels=("whatsapp",), granted=False)
        page = Browser().get(_path(_message(anna))).content.decode()
        assert 'value="email:marketing" checked' in page
        assert 'value="sms:marketing" checked' in page
        assert 'value="whatsapp:marketing">' in page

    def test_it_speaks_the_language_of_the_client(self):
        page = Browser().get(_path(_message(b.client(language="ru"))))
        assert '<html lang="ru">' in page.content.decode()

    def test_the_choice_is_saved_with_the_version_of_the_words(self):
        anna = b.client()
        page = Browser().post(_path(_message(anna)), {"do": "save", "keep": ["sms:marketing"]})
        assert 'value="email:marketing">' in page.content.decode()
        word = Consent.objects.latest("given_at")
        assert (word.channel, word.granted, word.text_version) == ("email", False, subscriptions.PAGE_TEXT)
        assert not _refused(anna, "sms")

    def test_a_topic_may_be_chosen_again(self):
        anna = b.client(consent=False)
        b.agree(anna, granted=False)
        kept = ["email:marketing", "email:bonus notices", "sms:bonus notices"]
        Browser().post(_path(_message(anna, withheld="no_consent")), {"do": "save", "keep": kept})
        assert not _refused(anna)
        assert set(_refused(anna, "sms").values()) == {"no_consent"}
        assert Event.objects.get().name == "message.subscribed"

    def test_nothing_can_be_agreed_to_that_is_not_on_the_page(self):
        anna = b.client()
        Browser().post(_path(_message(anna)), {"do": "save", "keep": ["email:marketing", "sms:marketing", "vk:x"]})
        assert not Consent.objects.filter(client=anna, topic="x").exists()

    def test_everything_ends_at_a_press(self):
        anna = b.client()
        Browser().post(_path(_message(anna)), {"do": "all"})
        assert set(_refused(anna).values()) | set(_refused(anna, "sms").values()) == {"no_consent"}

    def test_notices_of_bonuses_come_until_refused(self):
        anna = b.client(consent=False)
        path = _path(_message(anna, BONUS_NOTICES))
        assert 'value="email:bonus notices" checked' in Browser().get(path).content.decode()
        Browser().post(path, {"do": "this"})
        assert set(_refused(anna, topic=BONUS_NOTICES).values()) == {"no_consent"}

    @pytest.mark.parametrize("data", [{}, {"do": "x"}])
    def test_a_press_on_nothing_changes_nothing(self, data):
        path = _path(_message(b.client()))
        before = Consent.objects.count()
        assert Browser().post(path, data).status_code == 400
        assert Consent.objects.count() == before

    def test_forged_and_lost_links(self):
        path = _path(_message(b.client()))
        assert Browser().get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 403
        assert Browser().post("/u/AAAAAAAAAAAAAAAAAAAA", {"do": "all"}).status_code == 403
        assert Browser().get(f"/u/{tokens.sign(tokens.Purpose.PREFERENCES, 10**9, 0)}").status_code == 410


class TestWords:
    @pytest.mark.parametrize(
        "text", ["STOP", " stop. ", "Стоп!", "ОТПИСКА", "отмена", "Unsubscribe", "opt-out", "Не пишите мне!", "Revoke"]
    )
    def test_stop_ends_every_topic_by_sms_at_once(self, text):
        anna = b.client()
        assert subscriptions.said_in("sms", anna.pk, text, Evidence("sms"), NOW) is False
        assert set(_refused(anna, "sms").values()) == {"no_consent"}
        assert not _refused(anna)

    @pytest.mark.parametrize("text", ["START", "старт", "Подписка"])
    def test_start_subscribes_again(self, text):
        anna = b.client(consent=False)
        assert subscriptions.said_in("sms", anna.pk, text, Evidence("sms"), NOW) is True
        assert not _refused(anna, "sms")

    @pytest.mark.parametrize("text", ["", "please stop it now", "когда стоп-лист?", "!!"])
    def test_other_texts_are_left_to_people(self, text):
        assert subscriptions.said_in("sms", b.client().pk, text, Evidence("sms"), NOW) is None
