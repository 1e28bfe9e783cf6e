"""Buttons of a message step: filled in for each client, published and copied with what they name."""

import json

import pytest

from messaging.models import Message
from scenarios.admin import uses
from scenarios.models import SendMessage
from scenarios.services import transfer
from segments.models import Segment
from tests import builders as b

pytestmark = pytest.mark.django_db

YES = {"text": "Yes, {{ client.first_name }}", "kind": "segment", "segment": "tea"}
SHOP = {"text": "Shop", "kind": "link", "url": "https://shop.example/?c={{ client.id }}"}


def test_buttons_are_filled_in_for_each_client(walk):
    b.segment("tea")
    anna, boris, draft = b.client(), b.client(first_name="Boris"), b.scenario()
    b.sms(b.trunk(draft), buttons=[YES, SHOP])
    walk(draft, anna, boris)
    said = {message.client_id: message.extras["buttons"] for message in Message.objects.all()}
    assert [row["text"] for row in said[boris.pk]] == ["Yes, Boris", "Shop"]
    assert said[anna.pk][1]["to"] == f"https://shop.example/?c={anna.pk}"
    assert said[anna.pk][0]["segment"] == Segment.objects.get().pk


def test_a_button_whose_variable_is_missing_stops_the_message_with_its_reason(walk):
    draft = b.scenario()
    b.sms(b.trunk(draft), buttons=[{"text": "{{ entry.taste }}", "kind": "reply"}])
    walk(draft, b.client())
    assert Message.objects.get().reason == "render_failed"


@pytest.mark.parametrize(
    ("button", "words"),
    [
        (YES | {"segment": "gone"}, "no segment"),
        (YES | {"text": "{{ client.firstname }}"}, "firstname"),
        (SHOP | {"url": ""}, "the address"),
    ],
)
def test_what_a_button_lacks_forbids_publishing(button, words):
    b.segment("tea")
    found = SendMessage(channel="sms", body="Hi", buttons=[button]).problems()
    assert words in " ".join(found)


def test_a_dynamic_segment_takes_nobody_by_a_button():
    b.segment("tea")
    Segment.objects.update(kind="dynamic")
    assert "rule" in " ".join(SendMessage(channel="sms", body="Hi", buttons=[YES]).problems())


def test_the_segment_of_a_button_travels_with_an_exported_scenario_and_knows_who_uses_it():
    segment, draft = b.segment("tea"), b.scenario(name="Tea")
    b.sms(b.trunk(draft), buttons=[YES])
    file = transfer.export(draft)
    assert [need["slug"] for need in json.loads(file)["needs"]] == ["tea"]
    assert [(found, use.name) for found, use in uses.of_segments([segment.pk])] == [(segment.pk, "Tea")]
    SendMessage.objects.all().delete()
    segment.delete()
    made = transfer.import_file(file, b.NOW, "Tea again")
    assert SendMessage.objects.get(branch__scenario=made).buttons == [YES]
    assert Segment.objects.get().slug == "tea"
