"""Texts judged by the whole scenario: what its triggers tell, what accrues, which pages and accounts there are."""

import pytest

from messaging.models import TelegramAccount
from messaging.services import addresses, recipients, render, variables
from scenarios.models import ChainMessage, DateTrigger, EventTrigger, LandingPage
from scenarios.services import publish
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _found(draft):
    return [(finding.words, finding.blocks) for finding in publish.findings(draft, NOW)]


def _scene(body, event="order.created", **values):
    draft = b.scenario({"event_name": event} | values)
    b.sms(b.trunk(draft), body=body)
    return draft


class TestEntry:
    def test_a_property_that_the_event_never_has_is_a_warning_with_its_place(self):
        ((words, blocks),) = _found(_scene("Hi,\nyour {{ entry.totl }} and {{ entry.total }}"))
        assert words.endswith("the event of the trigger has no «totl» (line 2, column 9).")
        assert not blocks

    def test_what_a_shop_really_said_is_known_too(self):
        draft = _scene("{{ entry.shelf }}")
        assert len(_found(draft)) == 1
        b.record_event(b.source(), "order.created", b.client(), payload={"shelf": "A"})
        assert _found(draft) == []

    def test_an_event_of_the_shop_s_own_is_judged_once_it_has_come(self):
        draft = _scene("{{ entry.platform }} {{ entry.x }}", "card_installed")
        assert _found(draft) == []
        b.record_event(b.source(), "card_installed", b.client(), payload={"platform": "ios"})
        ((words, _blocks),) = _found(draft)
        assert "«x»" in words

    def test_one_of_several_triggers_is_enough(self):
        draft = _scene("{{ entry.query }} {{ entry.total }}")
        EventTrigger.objects.create(scenario=draft, event_name="search.performed")
        assert _found(draft) == []

    def test_a_date_tells_its_own(self):
        draft = b.scenario()
        draft.triggers.all().delete()
        DateTrigger.objects.create(scenario=draft)
        b.sms(b.trunk(draft), body="{{ entry.years }} {{ entry.total }}")
        ((words, _blocks),) = _found(draft)
        assert "«total»" in words

    def test_texts_that_read_nothing_of_it_cost_no_query(self, django_assert_max_num_queries):
        draft = _scene("Hi")
        with django_assert_max_num_queries(12):
            _found(draft)


class TestAccrued:
    def test_nothing_that_was_accrued_is_caught_at_publishing(self):
        ((words, blocks),) = _found(_scene("{{ accrued.amount }}"))
        assert "no step above gives «accrued» (line 1, column 4)" in words
        assert blocks

    def test_the_message_that_accrues_says_it_and_those_after_it(self):
        draft = b.chain()
        said = {"channel": "sms", "body": "{{ accrued.amount }}", "topic": "service"}
        b.add(ChainMessage, b.trunk(draft), bonuses=100, lifetime_days=5, **said)
        b.add(ChainMessage, b.trunk(draft), **said)
        assert _found(draft) == []

    def test_a_message_that_accrues_nothing_does_not(self):
        draft = b.chain()
        said = {"channel": "sms", "body": "{{ accrued.amount }}", "topic": "service"}
        b.add(ChainMessage, b.trunk(draft), **said)
        b.add(ChainMessage, b.trunk(draft), bonuses=100, lifetime_days=5, **said)
        assert [blocks for _words, blocks in _found(draft)] == [True]


class TestSignUp:
    def test_each_client_has_a_link_of_their_own_for_every_account(self):
        TelegramAccount.objects.create(name="T", channel="telegram", username="shop_bot", token="1:a")
        anna, boris = b.client(), b.client()
        known = variables.load(frozenset({"sign_up"}), [anna.pk, boris.pk], recipients.load([anna.pk, boris.pk]), NOW)
        text = render.compiled("{{ sign_up.telegram }}")
        said = [text.render(known.of(person.pk)) for person in (anna, boris)]
        assert said[0].startswith("https://t.me/shop_bot?start=")
        assert addresses.client_of(said[1].split("start=")[1]) == boris

    def test_without_an_account_it_is_a_warning(self):
        draft = _scene("{{ sign_up.telegram | default: 'x' }}")
        ((words, blocks),) = _found(draft)
        assert "«sign_up.telegram»: it will be empty (line 1, column 4)" in words
        assert not blocks
        TelegramAccount.objects.create(name="T", channel="telegram", username="shop_bot", token="1:a")
        assert _found(draft) == []


class TestPages:
    def test_the_address_of_a_landing_page(self, settings):
        settings.PUBLIC_URL = "https://club.example"
        assert render.compiled('{{ "spring" | join_page }}').render({}) == "https://club.example/join/spring/"

    def test_a_page_that_is_not_there_forbids_publishing(self):
        draft = _scene('Come: {{ "spring" | join_page }}')
        ((words, blocks),) = _found(draft)
        assert "no landing page «spring» (line 1, column 10)" in words
        assert blocks
        LandingPage.objects.create(name="S", slug="spring", title="S")
        assert _found(draft) == []
