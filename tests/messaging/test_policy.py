"""The first check that fails is the reason (semantics §19)."""

from datetime import time, timedelta

import pytest

from loyalty.models import Consent
from messaging.models import FrequencyCap, Message, PauseDate, Reason, SendWindow, Suppression, Topic
from messaging.services import policy, recipients, rulebook
from messaging.services.policy import Stage
from scenarios.reasons import REASONS
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _verdicts(*people, channel="email", topic="marketing", now=NOW, above=None):
    asks = policy.asks_of(recipients.load([person.pk for person in people]), channel, topic)
    return policy.judge(asks, rulebook.load(now), now, Stage.SHOWING, above)


def _refused(*people, **values):
    return {client: verdict.reason for client, verdict in _verdicts(*people, **values).items()}


def sent(client, at, topic="marketing", channel="email", status="accepted"):
    values = {"channel": channel, "topic": topic, "address": "x", "body": "Hi", "due_at": at, "created_at": at}
    return Message.objects.create(client=client, status=status, sent_at=at, **values)


class TestConsent:
    def test_absent_consent_means_no(self):
        anna = b.client(consent=False)
        assert _refused(anna) == {anna.pk: Reason.NO_CONSENT}

    def test_the_newest_word_counts(self):
        anna = b.client()
        b.agree(anna, channels=("email",), granted=False)
        assert _refused(anna) == {anna.pk: Reason.NO_CONSENT}
        Consent.objects.filter(granted=False).update(given_at=NOW - timedelta(days=300))
        assert _refused(anna) == {}

    def test_it_is_per_channel_and_topic(self):
        anna = b.client(consent=False)
        b.agree(anna, channels=("email",))
        assert _refused(anna) == {}
        assert _refused(anna, channel="sms") == {anna.pk: Reason.NO_CONSENT}
        assert _refused(anna, topic="digest") == {anna.pk: Reason.NO_CONSENT}

    def test_that_of_tomorrow_does_not_count_today(self):
        anna = b.client()
        Consent.objects.update(given_at=NOW + timedelta(days=1))
        assert _refused(anna) == {anna.pk: Reason.NO_CONSENT}

    def test_a_service_message_needs_an_address_but_none(self):
        anna, nobody = b.client(consent=False), b.client(consent=False, email="")
        assert _refused(anna, nobody, topic="service") == {nobody.pk: Reason.NO_ADDRESS}

    def test_a_topic_of_the_shop_may_go_to_all_but_those_who_refused(self):
        Topic.objects.create(slug="orders", name="Orders", kind="transactional", consent="unless_refused")
        silent, refused = b.clients(2, consent=False)
        Consent.objects.create(
            client=refused, channel="email", topic="orders", granted=False, source=b.source(), given_at=NOW
        )
        assert _refused(silent, refused, topic="orders") == {refused.pk: Reason.NO_CONSENT}

    def test_the_topics_of_the_platform_hold_without_their_rows(self):
        Topic.objects.all().delete()
        anna = b.client(consent=False)
        assert _refused(anna, topic="service") == {}
        assert _refused(anna, topic="marketing") == {anna.pk: Reason.NO_CONSENT}


def test_a_suppressed_address_is_refused_for_everyone_who_has_it():
    twins = [b.client(email="one@example.com") for _ in range(2)]
    Suppression.objects.create(channel="email", address="one@example.com", since=NOW)
    assert _refused(*twins) == dict.fromkeys([twin.pk for twin in twins], Reason.SUPPRESSED)


def test_the_checks_are_asked_in_the_order_of_the_rule():
    """All of them fail at first; whoever mends one is told the next."""
    anna = b.client(consent=False, email="")
    SendWindow.objects.create(channel="email", opens=time(9), closes=time(10))
    PauseDate.objects.create(name="Mourning", first=NOW.date(), last=NOW.date())
    FrequencyCap.objects.create(limit=1, hours=24, defer_hours=0)
    sent(anna, NOW - timedelta(hours=1))
    told = [_refused(anna, above={anna.pk: Reason.GOAL_REACHED})[anna.pk]]
    told.append(_refused(anna)[anna.pk])
    b.agree(anna)
    told.append(_refused(anna)[anna.pk])
    anna.email = "anna@example.com"
    anna.save()
    Suppression.objects.create(channel="email", address=anna.email, since=NOW)
    told.append(_refused(anna)[anna.pk])
    Suppression.objects.all().delete()
    told.append(_refused(anna)[anna.pk])
    PauseDate.objects.all().delete()
    told.append(_refused(anna)[anna.pk])
    SendWindow.objects.all().delete()
    told.append(_refused(anna)[anna.pk])
    FrequencyCap.objects.all().delete()
    assert told == [
        Reason.GOAL_REACHED,
        Reason.NO_CONSENT,
        Reason.NO_ADDRESS,
        Reason.SUPPRESSED,
        Reason.PAUSE_DATE,
        Reason.QUIET_HOURS,
        Reason.FREQUENCY_CAP,
    ]
    assert _refused(anna) == {}


def test_every_reason_has_its_words():
    assert {reason.value for reason in Reason} <= REASONS.keys()
    assert len({str(reason.label) for reason in Reason}) == len(Reason)


def test_a_paused_scenario_only_puts_off():
    anna = b.client()
    verdict = _verdicts(anna, above={anna.pk: Reason.SCENARIO_PAUSED})[anna.pk]
    assert verdict.until == NOW + policy.PAUSED


def test_what_is_transactional_is_held_by_nothing():
    anna = b.client()
    SendWindow.objects.create(opens=time(9), closes=time(10))
    PauseDate.objects.create(name="Mourning", first=NOW.date(), last=NOW.date())
    FrequencyCap.objects.create(limit=1, hours=24)
    sent(anna, NOW - timedelta(hours=1))
    assert _refused(anna, topic="service") == {}
    assert _refused(anna, topic="bonus notices") == {}
    assert _refused(anna) == {anna.pk: Reason.PAUSE_DATE}


def test_a_thousand_clients_take_as_few_queries_as_one(django_assert_num_queries):
    SendWindow.objects.create(opens=time(9), closes=time(21))
    FrequencyCap.objects.create(limit=1, hours=24)
    for people in (b.clients(1), b.clients(1000)):
        asks = policy.asks_of(recipients.load([person.pk for person in people]), "email", "marketing")
        with django_assert_num_queries(4):  # rules, consents, suppressions, messages sent
            assert policy.judge(asks, rulebook.load(NOW), NOW, Stage.SHOWING) == {}
