"""The first check that fails is the reason (semantics §19)."""

from datetime import timedelta

import pytest

from loyalty.models import Consent
from messaging.models import Reason, Suppression
from messaging.services import policy, recipients
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _refused(*people, channel="email", topic="marketing", now=NOW):
    return policy.refusals(channel, topic, recipients.load([person.pk for person in people]), now)


def test_absent_consent_means_no():
    anna = b.client(consent=False)
    assert _refused(anna) == {anna.pk: Reason.NO_CONSENT}


def test_the_newest_word_counts():
    anna = b.client()
    b.agree(anna, channels=("email",), granted=False)
    assert _refused(anna) == {anna.pk: Reason.NO_CONSENT}
    Consent.objects.filter(granted=False).update(given_at=NOW - timedelta(days=300))
    assert _refused(anna) == {}


def test_consent_is_per_channel_and_topic():
    anna = b.client(consent=False)
    b.agree(anna, channels=("email",))
    assert _refused(anna) == {}
    assert _refused(anna, channel="sms") == {anna.pk: Reason.NO_CONSENT}
    assert _refused(anna, topic="digest") == {anna.pk: Reason.NO_CONSENT}


def test_consent_of_tomorrow_does_not_count_today():
    anna = b.client()
    Consent.objects.update(given_at=NOW + timedelta(days=1))
    assert _refused(anna) == {anna.pk: Reason.NO_CONSENT}


def test_a_service_message_needs_an_address_but_no_consent():
    anna, nobody = b.client(consent=False), b.client(consent=False, email="")
    assert _refused(anna, nobody, topic="service") == {nobody.pk: Reason.NO_ADDRESS}


def test_a_suppressed_address_is_refused_for_everyone_who_has_it():
    twins = [b.client(email="one@example.com") for _ in range(2)]
    Suppression.objects.create(channel="email", address="one@example.com", since=NOW)
    assert _refused(*twins) == dict.fromkeys([twin.pk for twin in twins], Reason.SUPPRESSED)


def test_a_thousand_clients_take_two_queries(django_assert_num_queries):
    people = recipients.load([person.pk for person in b.clients(1000)])
    with django_assert_num_queries(2):
        assert policy.refusals("email", "marketing", people, NOW) == {}
