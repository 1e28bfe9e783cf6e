"""The send log over the API (finding messages: tests/loyalty/api/test_lists.py)."""

import pytest

from messaging.models import Message
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


def test_a_message_tells_where_it_is_and_why():
    anna = b.client()
    values = {
        "channel": "sms",
        "topic": "offers",
        "address": anna.phone,
        "body": "Hi",
        "due_at": NOW,
        "created_at": NOW,
    }
    row = Message.objects.create(client=anna, status="withheld", reason="no_consent", **values)
    told = Till("messages:read").get(f"messages/{row.pk}/").json()
    assert told == {
        "id": row.pk,
        "client": anna.pk,
        "recipient": "client",
        "scenario": None,
        "run": None,
        "channel": "sms",
        "topic": "offers",
        "address": anna.phone,
        "subject": "",
        "body": "Hi",
        "status": "withheld",
        "reason": "no_consent",
        "provider_id": "",
        "created_at": "2026-03-10T12:00:00Z",
        "due_at": "2026-03-10T12:00:00Z",
        "sent_at": None,
    }
    problem(Till().get("messages/999999/"), 404, "not-found")


def test_nobody_writes_the_log():
    problem(Till().post("messages/", {}), 405, "method-not-allowed")
