"""Signing up on a landing page: consents with their words, a chain once a client, machines (semantics §27–28)."""

import pytest
from django.core.cache import caches
from django.db.models import ProtectedError
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from loyalty.models import Client, Consent, ConsentRequest, Event, Identity
from messaging.models import Message
from scenarios.admin import uses
from scenarios.engine.advance import advance_due
from scenarios.models import ChainMessage, LandingConsent, LandingPage, ScenarioRun
from scenarios.pages.join import MOST
from scenarios.services.again import allow_again
from segments.models import Membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

GIVEN = {"name": "Anna", "phone": "+7 916 123-45-67"}


@pytest.fixture(autouse=True)
def _nobody_came_before():
    for name in ("shared", "default"):
        caches[name].clear()


@pytest.fixture
def page():
    chain = b.scenario(kind="chain")
    chain.triggers.all().delete()
    b.add(ChainMessage, b.trunk(chain), channel="sms", body="Hi", bonuses=10)
    b.live(chain)
    made = LandingPage.objects.create(
        name="Spring", slug="spring", title="Join", language="en", chain=chain, segment=b.segment("tea")
    )
    LandingConsent.objects.create(page=made, channel="sms", words="Send me news.")
    return made


def _box(page):
    return page.consents.get()


def _join(page, **values):
    return Browser(headers={"user-agent": "Firefox"}).post(f"/join/{page.slug}/", GIVEN | values)


def test_a_new_client_joins_with_consent_segment_and_chain(page):
    answer = _join(page, agree=_box(page).pk)
    assert answer.status_code == 200
    client = Client.objects.get()
    assert (client.first_name, client.phone, client.language) == ("Anna", "+79161234567", "en")
    consent = Consent.objects.get()
    assert (consent.channel, consent.topic, consent.granted) == ("sms", "marketing", True)
    assert (consent.evidence, consent.ip, consent.agent) == ("landing page spring", "127.0.0.1", "Firefox")
    assert consent.text_version == f"join:spring:{_box(page).pk}:1"
    assert Membership.objects.get().client == client
    assert ScenarioRun.objects.get().client == client
    assert set(Event.objects.values_list("name", flat=True)) >= {
        "customer.registered",
        "page.joined",
        "segment.entered",
    }


def test_no_box_is_ticked_beforehand_and_one_that_was_not_is_no_consent(page):
    html = Browser().get("/join/spring/").content.decode()
    assert 'type="checkbox"' in html
    assert "checked" not in html.split("<form", 1)[1]
    _join(page)
    assert Client.objects.exists()
    assert not Consent.objects.exists()


def test_a_required_box_has_to_be_ticked_and_what_was_typed_stays(page):
    LandingConsent.objects.update(required=True)
    answer = _join(page)
    assert answer.status_code == 422
    assert b'value="+7 916 123-45-67"' in answer.content
    assert not Client.objects.exists()


def test_a_new_wording_is_a_new_version_and_the_old_one_stays_readable(page):
    box = _box(page)
    box.words = "Send me news and offers."
    box.save()
    box.save()
    assert box.text_version().endswith(":2")
    assert box.wordings == {"1": "Send me news.", "2": "Send me news and offers."}


def test_the_chain_runs_once_a_client_however_often_they_join_until_it_is_allowed_again(page):
    for _ in range(3):
        _join(page)
    assert ScenarioRun.objects.count() == 1
    allow_again(page.chain, Client.objects.get().pk, None, NOW)
    ScenarioRun.objects.update(state="completed")
    for _ in range(2):
        _join(page)
    assert ScenarioRun.objects.count() == 2
    assert Event.objects.filter(name="page.joined").count() == 5
    assert Event.objects.filter(name="customer.registered").count() == 1


def test_the_messages_of_the_chain_follow(page):
    _join(page, agree=_box(page).pk)
    while advance_due(timezone.now()):
        pass
    assert Message.objects.get().body == "Hi"


def test_a_stranger_changes_nothing_of_whom_we_know_and_makes_no_two_clients_one(page):
    LandingPage.objects.update(ask_email=True)
    anna = b.client(phone="+79161234567", first_name="Anna")
    boris = b.client(email="boris@example.com", first_name="Boris")
    b.identify(b.source(), anna, boris)
    assert _join(page, name="Mallory", email="boris@example.com").status_code == 200
    anna.refresh_from_db()
    boris.refresh_from_db()
    assert (anna.first_name, boris.first_name) == ("Anna", "Boris")
    assert anna.email != boris.email
    assert Client.objects.filter(merged_into=None).count() == 2
    assert Identity.objects.get(value="boris@example.com").client == boris
    assert ScenarioRun.objects.get().client == anna


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"phone": ""}, b"country code"),
        ({"phone": "12345"}, b"country code"),
        ({"phone": "\x00"}, b"country code"),
        ({"birthday": "2999-01-01"}, b"not a birthday"),
        ({"birthday": "yesterday"}, b"not a birthday"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(page, values, words):
    LandingPage.objects.update(ask_birthday=True)
    answer = _join(page, **values)
    assert answer.status_code == 422
    assert words in answer.content
    assert not Client.objects.exists()


def test_a_machine_that_fills_in_everything_is_thanked_and_nothing_happens(page):
    answer = _join(page, website="https://spam.example/")
    assert answer.status_code == 200
    assert answer.content == _join(page).content
    assert Client.objects.count() == 1


def test_one_address_cannot_sign_up_a_crowd(page):
    answers = [_join(page, phone="").status_code for _ in range(MOST + 1)]
    assert answers == [422] * MOST + [429]


def test_the_page_speaks_its_own_language_and_closed_ones_say_so(page):
    LandingPage.objects.update(language="ru")
    assert b'<html lang="ru">' in Browser().get("/join/spring/").content
    LandingPage.objects.update(active=False)
    assert [Browser().get(where).status_code for where in ("/join/spring/", "/join/nowhere/")] == [410, 404]


def test_a_chain_that_does_not_run_loses_no_client(page):
    page.chain.status = "paused"
    page.chain.save()
    assert _join(page).status_code == 200
    assert Client.objects.exists()
    assert not ScenarioRun.objects.exists()


def test_the_segment_knows_that_a_page_uses_it(page):
    assert [use.name for _segment, use in uses.of_segments([page.segment_id])] == ["Spring"]


def test_a_page_may_ask_to_confirm_what_is_ticked(page):
    page.confirm = True
    page.save()
    assert "confirm it by the link" in _join(page, agree=_box(page).pk).content.decode()
    assert not Consent.objects.exists()
    request = ConsentRequest.objects.get()
    assert (request.evidence, request.ip, request.agent) == ("landing page spring", "127.0.0.1", "Firefox")
    assert request.text_version == f"join:spring:{_box(page).pk}:1"


class TestABoxThatIsNotWantedAnyMore:
    def test_its_words_cannot_be_deleted(self, page):
        _join(page, agree=_box(page).pk)
        with pytest.raises(ProtectedError):
            _box(page).delete()
        with pytest.raises(ProtectedError):
            LandingPage.objects.all().delete()

    def test_it_is_taken_off_the_page_and_its_words_stay_readable(self, page, admin_client):
        box = _box(page)
        _join(page, agree=box.pk)
        box.shown, box.required = False, True
        box.save()
        assert "Send me news." not in Browser().get("/join/spring/").content.decode()
        assert _join(page, phone="+7 916 123-45-68", agree=box.pk).status_code == 200
        assert Consent.objects.count() == 1
        shown = admin_client.get(reverse("admin:scenarios_landingpage_change", args=[page.pk])).content.decode()
        assert Consent.objects.get().text_version in shown
        assert "consents-0-DELETE" not in shown
