"""Double opt-in: an agreement counts once its client has confirmed it by a link (semantics §27)."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from loyalty.intake.facts import ConsentFact, Who
from loyalty.models import Client, Consent, ConsentRequest, Event
from loyalty.services import consents, merge
from loyalty.services.consents import Evidence
from loyalty.services.events import record
from messaging import tokens
from messaging.models import ConfirmationText, Message, Topic
from messaging.services import opt_in, outbox, policy, recipients, render, rulebook, subscriptions, variables
from segments.conditions.consent import ConsentCondition
from segments.services import evaluate
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    """A shop whose agreements are to be confirmed."""
    return b.source(confirm_consents=True)


def _said(shop, *consents_, at=NOW, email="vera@example.com", name="customer.updated"):
    fact = b.happened(shop, name, at, who=Who(email=email), consents=consents_ or (b.consent_fact(),))
    (recorded,) = record(shop, [fact], at)
    return Client.objects.get(pk=recorded.client_id)


def _letters():
    return list(Message.objects.filter(key__startswith="confirm:").order_by("pk"))


def _path(message):
    return re.search(r"(/c/[\w-]+)", message.body)[1]


def _allowed(client, channel="email", now=NOW):
    asks = policy.asks_of(recipients.load([client.pk]), channel, "marketing")
    return not policy.judge(asks, rulebook.load(now), now, policy.Stage.SHOWING)


def _press(message, **headers):
    return Browser(headers={"user-agent": "Firefox"} | headers).post(_path(message), REMOTE_ADDR="203.0.113.7")


class TestWaiting:
    def test_an_agreement_waits_with_its_evidence(self, shop):
        vera = _said(shop)
        request = ConsentRequest.objects.get()
        assert (request.client, request.channel, request.topic) == (vera, "email", "marketing")
        assert (request.source, request.evidence, request.status) == (shop, "test", "waiting")
        assert request.expires_at == NOW + timedelta(hours=72)

    def test_what_waits_is_no_consent_for_a_send_or_a_segment(self, shop):
        vera = _said(shop)
        assert not Consent.objects.exists()
        assert not _allowed(vera)
        wanted = ConsentCondition(channel="email", topic="marketing")
        assert evaluate.matching(wanted, [vera.pk], NOW) == set()

    def test_a_topic_may_ask_for_it_whatever_the_source(self):
        Topic.objects.filter(slug="marketing").delete()
        Topic.objects.create(slug="marketing", name="Offers", confirm=True)
        _said(b.source())
        assert (Consent.objects.count(), ConsentRequest.objects.count()) == (0, 1)

    def test_without_the_setting_it_counts_at_once(self):
        vera = _said(b.source())
        assert _allowed(vera)
        assert not ConsentRequest.objects.exists()

    def test_who_agrees_already_is_not_asked(self, shop):
        vera = b.client()
        b.identify(shop, vera)
        _said(shop, email=vera.email)
        assert not ConsentRequest.objects.exists()

    def test_a_chat_proves_itself(self, shop):
        _said(shop, b.consent_fact("telegram"))
        assert Consent.objects.get().granted
        assert not ConsentRequest.objects.exists()

    def test_a_refusal_counts_at_once_and_ends_what_waits(self, shop):
        vera = _said(shop)
        _said(shop, b.consent_fact(granted=False), at=NOW + timedelta(hours=1))
        assert ConsentRequest.objects.get().status == "refused"
        assert Consent.objects.get(client=vera).granted is False

    def test_news_of_a_time_before_the_refusal_asks_nobody(self, shop):
        vera = b.client(consent=False)
        b.identify(shop, vera)
        _said(shop, b.consent_fact(granted=False), email=vera.email)
        _said(shop, ConsentFact("email", True, "late", given_at=NOW - timedelta(days=3)), email=vera.email)
        assert not ConsentRequest.objects.exists()
        assert not _allowed(vera)

    def test_a_word_by_the_clients_own_hand_needs_no_confirming_and_ends_the_wait(self, shop):
        vera = _said(shop)
        consents.say(vera.pk, [("email", "marketing")], True, Evidence("preferences page"), NOW)
        assert _allowed(vera)
        assert ConsentRequest.objects.get().status == "confirmed"

    def test_stop_from_their_number_ends_the_wait_for_every_topic_there(self, shop):
        vera = _said(shop, b.consent_fact("sms"), ConsentFact("sms", True, "box", "news"))
        subscriptions.said_in("sms", vera.pk, "СТОП", Evidence("sms: СТОП"), NOW)
        assert set(ConsentRequest.objects.values_list("status", flat=True)) == {"refused"}
        subscriptions.said_in("sms", vera.pk, "START", Evidence("sms: START"), NOW + timedelta(hours=1))
        assert consents.words(vera.pk)["sms", "marketing"]

    def test_what_waits_is_on_the_preferences_page_without_a_tick(self, shop):
        vera = _said(shop, ConsentFact("email", True, "box", "news"))
        choices = subscriptions.choices(subscriptions.Visitor(vera, None), NOW)
        assert {(choice.topic, choice.granted) for choice in choices} >= {("news", False)}

    def test_a_guests_request_goes_with_the_guest(self, shop):
        guest, vera = _said(shop), b.client(consent=False)
        merge.merge(guest.pk, vera.pk, NOW)
        assert ConsentRequest.objects.get().client == vera

    def test_a_delivery_without_agreements_asks_the_database_nothing_more(self, shop):
        plain, asking = b.source(), shop
        counts = []
        for source in (plain, asking):
            who = Who(email=f"{source.slug}@example.com")
            record(source, [b.happened(source, "page.viewed", who=who)], NOW)
            with CaptureQueriesContext(connection) as queries:
                record(source, [b.happened(source, "page.viewed", who=who)], NOW)
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestAsking:
    def test_one_service_message_is_written_once(self, shop):
        _said(shop)
        assert (opt_in.ask(NOW), opt_in.ask(NOW)) == (1, 0)
        (letter,) = _letters()
        assert (letter.topic, letter.channel, letter.address) == ("service", "email", "vera@example.com")
        assert "/c/" in letter.body

    def test_what_a_shop_repeats_is_asked_once(self, shop):
        _said(shop)
        opt_in.ask(NOW)
        _said(shop, at=NOW + timedelta(hours=2))
        assert opt_in.ask(NOW + timedelta(hours=2)) == 0

    def test_all_topics_of_one_address_are_asked_together_and_each_address_apart(self, shop):
        vera = _said(shop, b.consent_fact(), ConsentFact("email", True, "box", "news"), b.consent_fact("sms"))
        Client.objects.filter(pk=vera.pk).update(phone="+79991234567")
        assert opt_in.ask(NOW) == 2
        assert {(letter.channel, letter.address) for letter in _letters()} == {
            ("email", "vera@example.com"),
            ("sms", "+79991234567"),
        }

    def test_a_messenger_by_phone_is_confirmed_by_sms(self, shop):
        vera = _said(shop, b.consent_fact("whatsapp"))
        Client.objects.filter(pk=vera.pk).update(phone="+79991234567")
        opt_in.ask(NOW)
        assert _letters()[0].channel == "sms"

    def test_nobody_can_be_asked_without_an_address_and_the_log_says_so(self, shop):
        _said(shop, b.consent_fact("sms"))
        opt_in.ask(NOW)
        assert (_letters()[0].status, _letters()[0].reason) == ("withheld", "no_address")

    def test_it_is_an_event(self, shop):
        vera = _said(shop)
        opt_in.ask(NOW)
        event = Event.objects.get(name="confirmation.requested")
        assert (event.client, event.payload["channels"], event.payload["topics"]) == (vera, ["email"], ["marketing"])

    def test_the_staffs_words_stand_in_the_clients_language(self, shop):
        ConfirmationText.objects.create(channel="email", language="ru", subject="Да?", body="Ссылка: {{ confirm.url }}")
        vera = _said(shop)
        Client.objects.filter(pk=vera.pk).update(language="ru-RU")
        opt_in.ask(NOW)
        (letter,) = _letters()
        assert letter.subject == "Да?"
        assert letter.body.startswith("Ссылка: http")

    def test_the_link_is_not_counted_as_a_click(self, shop):
        _said(shop)
        opt_in.ask(NOW)
        assert "/r/" not in _letters()[0].body

    def test_it_is_sent_though_there_is_no_consent(self, shop):
        _said(shop)
        opt_in.ask(NOW)
        outbox.send_due(NOW)
        assert _letters()[0].status == "accepted"

    def test_a_batch_takes_a_fixed_number_of_queries(self, shop):
        _said(shop)
        opt_in.ask(NOW)
        counts = []
        for size in (2, 20):
            for number in range(size):
                _said(shop, email=f"c{size}-{number}@example.com")
            with CaptureQueriesContext(connection) as queries:
                assert opt_in.ask(NOW) == size
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_a_scenario_may_remind_with_the_same_link(self, shop):
        vera = _said(shop)
        opt_in.ask(NOW)
        told = opt_in.links([vera.pk], NOW)[vera.pk]
        assert told["url"].endswith(_path(_letters()[0]))
        assert opt_in.links([vera.pk], NOW + timedelta(days=4)) == {}

    def test_the_link_stands_in_a_text_that_reads_it(self, shop):
        vera = _said(shop)
        opt_in.ask(NOW)
        known = variables.load(frozenset({"confirm"}), [vera.pk], recipients.load([vera.pk]), NOW)
        said = render.compiled("{{ confirm.topics }}: {{ confirm.url }}").render(known.of(vera.pk))
        assert said.endswith(_path(_letters()[0]))


class TestLimits:
    def test_what_nobody_confirms_expires_by_the_setting(self, shop):
        b.programme(confirm_hours=5)
        _said(shop)
        opt_in.ask(NOW)
        opt_in.ask(NOW + timedelta(hours=4))
        assert ConsentRequest.objects.get().status == "waiting"
        opt_in.ask(NOW + timedelta(hours=5))
        assert ConsentRequest.objects.get().status == "expired"

    def test_a_client_is_asked_so_often_in_90_days_and_no_more(self, shop):
        b.programme(confirm_hours=1, confirm_most=2)
        at = NOW
        for _ in range(4):
            _said(shop, at=at)
            opt_in.ask(at)
            at += timedelta(hours=2)
            opt_in.ask(at)
        assert len(_letters()) == 2
        _said(shop, at=NOW + timedelta(days=91))
        opt_in.ask(NOW + timedelta(days=91))
        assert len(_letters()) == 3


@pytest.fixture
def letter(shop):
    """Asked now, by the real clock that the page reads."""
    now = timezone.now()
    _said(shop, at=now)
    opt_in.ask(now)
    return _letters()[0]


class TestPage:
    def test_looking_confirms_nothing(self, letter):
        for method in ("get", "head"):
            assert getattr(Browser(), method)(_path(letter)).status_code == 200
        assert not Consent.objects.exists()

    def test_it_says_what_is_agreed_to(self, letter):
        Client.objects.update(language="ru")
        assert '<html lang="ru">' in Browser().get(_path(letter)).content.decode()

    def test_the_button_makes_consent_with_the_evidence_of_both(self, letter, shop):
        assert _press(letter).status_code == 200
        consent, request = Consent.objects.get(), ConsentRequest.objects.get()
        assert (consent.granted, consent.source, consent.evidence) == (True, shop, "confirmed: test")
        assert (consent.ip, consent.agent) == ("203.0.113.7", "Firefox")
        assert (request.status, request.closed_at, request.closed_ip) == ("confirmed", consent.given_at, "203.0.113.7")
        assert _allowed(request.client, now=timezone.now())

    def test_it_is_an_event_once(self, letter):
        _press(letter)
        assert _press(letter).status_code == 200
        assert Event.objects.filter(name="confirmation.given").count() == 1
        assert Event.objects.filter(name="message.subscribed").count() == 1
        assert Consent.objects.count() == 1

    def test_a_forged_link_is_refused(self, letter):
        assert Browser().post(_path(letter)[:-1] + "A" * 2).status_code == 403
        stranger = tokens.sign(tokens.Purpose.PREFERENCES, ConsentRequest.objects.get().pk)
        assert Browser().post(f"/c/{stranger}").status_code == 403
        assert not Consent.objects.exists()

    @pytest.mark.parametrize("change", [{"expires_at": NOW}, {"status": "refused"}])
    def test_what_is_too_late_or_refused_cannot_be_confirmed(self, letter, change):
        ConsentRequest.objects.update(**change)
        assert _press(letter).status_code == 410
        assert not Consent.objects.exists()


class TestAdmin:
    def test_the_clients_page_shows_what_waits_and_what_became_of_it(self, admin_client, letter):
        path = reverse("admin:loyalty_client_change", args=[letter.client_id])
        assert "not confirmed yet" in admin_client.get(path).content.decode()
        _press(letter)
        page = admin_client.get(path).content.decode()
        assert "not confirmed yet" not in page
        assert "203.0.113.7" in page
        assert "confirmed: test" in page

    @pytest.mark.parametrize(
        ("body", "words"),
        [("Hello", "needs the link"), ("{{ confirm.url }} {{ cart.total }}", "is not known here"), ("{{ x", "line 1")],
    )
    def test_words_without_a_link_or_with_what_is_not_known_are_refused(self, admin_client, body, words):
        given = {"channel": "email", "language": "en", "subject": "S", "body": body}
        page = admin_client.post(reverse("admin:messaging_confirmationtext_add"), given)
        assert words in page.content.decode()
        assert not ConfirmationText.objects.exists()

    def test_ones_own_words_begin_with_ours(self, admin_client):
        page = admin_client.get(reverse("admin:messaging_confirmationtext_add")).content.decode()
        assert "{{ confirm.url }}" in page

    def test_a_source_is_told_to_ask(self, admin_client, shop):
        page = admin_client.get(reverse("admin:loyalty_source_change", args=[shop.pk]))
        assert "confirm_consents" in page.content.decode()
