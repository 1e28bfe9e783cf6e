"""Messages from clients: buttons are pressed by their words, the rest waits for staff (semantics §28)."""

from datetime import timedelta
from itertools import count

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse

from loyalty.models import Event
from messaging.buttons import Button, Kind
from messaging.models import InboundMessage, Message
from messaging.services import outbox, replies
from messaging.services.replies import Inbound
from segments.models import Membership
from tests import builders as b
from tests.builders import NOW

_ids = count(1)

pytestmark = pytest.mark.django_db


def _write(person, text):
    return replies.take(Inbound("sms", person.phone, text, f"SM{next(_ids)}"), NOW + timedelta(minutes=1))


@pytest.fixture
def admin():
    browser = Browser()
    browser.force_login(User.objects.create_superuser("staff", "staff@example.com", "x"))
    return browser


def test_the_words_of_a_button_press_it_and_wait_for_nobody():
    person, segment = b.client(), b.segment()
    yes = Button("Yes", Kind.SEGMENT, segment_id=segment.pk)
    draft = outbox.Draft(person.pk, 5, next(_ids), "s1", 1, "sms", "marketing", person.phone, "", "Tea?", buttons=[yes])
    outbox.queue([draft], NOW)
    kept = _write(person, "yes")
    assert kept.handled_at is not None
    assert Membership.objects.get().client == person
    assert Event.objects.get(name="message.replied").payload["button"] == "Yes"


def test_free_text_waits_and_is_told_once():
    kept = _write(b.client(), "When do you open?")
    assert kept.handled_at is None
    assert "button" not in Event.objects.get(name="message.replied").payload


def test_staff_reply_to_the_same_address_and_the_message_is_handled(admin):
    person = b.client(consent=False)
    kept = _write(person, "When do you open?")
    page = reverse("admin:messaging_inboundmessage_change", args=[kept.pk])
    assert b"When do you open?" in admin.get(page).content
    assert admin.post(page, {"reply": "At nine."}).status_code == 302
    message = Message.objects.get()
    assert (message.channel, message.address, message.topic, message.body, message.status) == (
        "sms", person.phone, "service", "At nine.", "queued",
    )  # fmt: skip
    kept.refresh_from_db()
    assert (kept.reply_id, kept.handled_by.username) == (message.pk, "staff")


def test_staff_mark_as_handled_and_open_again(admin):
    kept = _write(b.client(), "Thanks")
    page = reverse("admin:messaging_inboundmessage_change", args=[kept.pk])
    admin.post(page, {"reply": "", "handled": "on"})
    kept.refresh_from_db()
    assert kept.handled_at
    admin.post(page, {"reply": ""})
    kept.refresh_from_db()
    assert kept.handled_at is None
    assert not Message.objects.exists()


def test_the_list_tells_what_waits(admin):
    _write(b.client(), "First question")
    done = _write(b.client(), "Second question")
    InboundMessage.objects.filter(pk=done.pk).update(handled_at=NOW)
    html = admin.get(reverse("admin:messaging_inboundmessage_changelist"), {"handled": "no"}).content
    assert b"First question" in html
    assert b"Second question" not in html
