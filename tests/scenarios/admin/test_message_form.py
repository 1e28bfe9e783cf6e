"""The form of a message: its channels in order, each with a text of its own (semantics §22)."""

import pytest
from django.urls import reverse

from scenarios.models import SendMessage
from scenarios.services.publish import publish
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

DATA = {
    "channel": "email",
    "topic": "marketing",
    "subject": "Hello",
    "body": "Hi",
    "channel_2": "sms",
    "body_2": "Hi by SMS",
    "fallback_on": "clicked",
    "fallback_amount": "2",
    "fallback_unit": "days",
}


def _post(admin_client, step, **changed):
    return admin_client.post(reverse("admin:scenarios_sendmessage_change", args=[step.pk]), DATA | changed)


def test_other_channels_are_saved_published_and_shown_again(admin_client):
    draft = b.scenario()
    step = b.email(b.trunk(draft))
    answer = _post(admin_client, step, channel_3="email", subject_3="x", body_3="y")
    assert "twice" in str(answer.context["adminform"].form.errors)

    assert _post(admin_client, step).status_code < 400
    step.refresh_from_db()
    assert step.fallbacks == [{"channel": "sms", "subject": "", "body": "Hi by SMS"}]
    assert (step.fallback_on, step.fallback_amount, step.fallback_unit) == ("clicked", 2, "days")
    assert step.sentence() == "e-mail → SMS: Hello"
    form = admin_client.get(reverse("admin:scenarios_sendmessage_change", args=[step.pk])).context["adminform"].form
    assert (form["channel_2"].value(), form["body_2"].value()) == ("sms", "Hi by SMS")
    release = publish(draft, None, NOW)
    assert release.snapshot["steps"][0]["fallbacks"] == step.fallbacks


def test_a_channel_is_taken_out_again(admin_client):
    step = b.email(b.trunk(b.scenario()), fallbacks=[{"channel": "sms", "subject": "", "body": "x"}])
    _post(admin_client, step, channel_2="", body_2="")
    assert SendMessage.objects.get().fallbacks == []


def test_a_text_that_cannot_be_read_is_named_with_its_channel(admin_client):
    step = b.email(b.trunk(b.scenario()))
    answer = _post(admin_client, step, body_2="{{ client.first_name")
    assert "2. SMS" in str(answer.context["adminform"].form.errors)
