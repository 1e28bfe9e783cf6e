"""Buttons of messages: links elsewhere, pressed once, by people alone (semantics §28)."""

import re
from itertools import count

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from loyalty.models import Consent, Event
from messaging import tokens
from messaging.buttons import Button, Kind, check
from messaging.models import Message
from messaging.services import keyboards, outbox, presses
from messaging.tokens import Purpose
from segments.models import Membership, Segment
from tests import builders as b
from tests.builders import NOW

_runs = count(1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _public_url(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"


def _sent(*buttons, channel="email", body="Do you like tea?", person=None, **values):
    person = person or b.client()
    draft = outbox.Draft(
        person.pk, 5, next(_runs), "s1", 1, channel, "marketing", person.email, "Tea", body, buttons=buttons, **values
    )
    (message_id,) = outbox.queue([draft], NOW)
    return Message.objects.get(pk=message_id)


def _paths(text):
    return re.findall(r"http://127\.0\.0\.1:8000(/b/[\w-]+)", text)


YES, NO = Button("Yes", Kind.REPLY), Button("No", Kind.REPLY, thanks="What a pity.")


class TestTexts:
    def test_where_there_are_no_buttons_each_is_a_link_of_its_own_below_the_text(self):
        message = _sent(YES, NO)
        yes, no = _paths(message.body)
        assert message.body == (f"Do you like tea?\n\nYes: http://127.0.0.1:8000{yes}\nNo: http://127.0.0.1:8000{no}")
        assert yes != no
        assert len(yes) <= 40

    @pytest.mark.parametrize("channel", sorted(keyboards.NATIVE))
    def test_where_there_are_buttons_the_text_stays_and_what_comes_back_fits_the_channel(self, channel):
        message = _sent(YES, Button("Shop", Kind.LINK, "https://shop.example/"), channel=channel)
        assert message.body == "Do you like tea?"
        yes, shop = message.extras["buttons"]
        assert presses.read(yes["data"]) == (message.pk, 0)
        assert len(yes["data"]) <= 64
        assert shop["url"].startswith("http://127.0.0.1:8000/b/")

    def test_a_message_that_is_not_sent_has_no_buttons(self):
        message = _sent(YES, withheld="no_consent", body="")
        assert (message.body, message.extras) == ("", {})

    def test_html_escapes_what_the_buttons_say(self):
        rows = keyboards.rows(1, [Button('<b>"Tea"</b>', Kind.REPLY)])
        html = keyboards.in_html("<body><p>Hi</p></body>", rows)
        assert "&lt;b&gt;&quot;Tea&quot;&lt;/b&gt;" in html
        assert html.endswith("</div></body>")

    def test_the_buttons_of_an_html_e_mail_are_in_the_html_and_in_its_plain_twin(self):
        message = _sent(YES, html="<body><p>Do you like tea?</p></body>")
        (path,) = _paths(message.body)
        assert f'<a href="http://127.0.0.1:8000{path}"' in message.html


class TestPressing:
    def test_looking_at_the_page_presses_nothing(self):
        (path,) = _paths(_sent(YES).body)
        browser = Browser()
        assert b"Yes" in browser.get(path).content
        assert browser.head(path).status_code == 200
        assert not Event.objects.filter(name="message.replied").exists()

    def test_a_pressing_is_an_answer_once(self):
        message = _sent(YES, NO)
        _yes, no = _paths(message.body)
        for _ in range(2):
            assert b"What a pity." in Browser().post(no).content
        event = Event.objects.get(name="message.replied")
        assert event.client_id == message.client_id
        assert event.payload == {
            "message": message.pk, "scenario": 5, "step": "s1", "channel": "email", "topic": "marketing",
            "button": "No", "text": "No",
        }  # fmt: skip

    def test_two_buttons_of_a_message_are_two_answers(self):
        message = _sent(YES, NO)
        assert [presses.press(message.pk, number, NOW, NOW).first for number in (0, 1, 0)] == [True, True, False]
        assert Event.objects.filter(name="message.replied").count() == 2

    def test_the_client_joins_the_segment_and_scenarios_hear_of_it(self):
        segment = b.segment()
        message = _sent(Button("Yes", Kind.SEGMENT, segment_id=segment.pk))
        presses.press(message.pk, 0, NOW, NOW)
        assert Membership.objects.get().client_id == message.client_id
        assert Event.objects.filter(name="segment.entered", unreadevent__isnull=False).count() == 1

    @pytest.mark.parametrize("now_it_is", ["gone", "dynamic"])
    def test_a_segment_that_takes_nobody_in_loses_no_answer(self, now_it_is):
        segment = b.segment()
        message = _sent(Button("Yes", Kind.SEGMENT, segment_id=segment.pk))
        if now_it_is == "gone":
            segment.delete()
        else:
            Segment.objects.update(kind="dynamic")
        assert presses.press(message.pk, 0, NOW, NOW).first
        assert Event.objects.filter(name="message.replied").exists()

    def test_a_button_of_a_trial_changes_nothing(self):
        message = _sent(YES, test=True)
        assert not presses.press(message.pk, 0, NOW, NOW).first
        assert not Event.objects.filter(name="message.replied").exists()

    def test_a_link_leads_on_through_the_counted_link_and_nowhere_else(self):
        (path,) = _paths(_sent(Button("Shop", Kind.LINK, "https://shop.example/tea")).body)
        answer = Browser().get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("http://127.0.0.1:8000/r/")
        counted = answer["Location"].removeprefix("http://127.0.0.1:8000")
        assert Browser().get(counted)["Location"] == "https://shop.example/tea"

    def test_the_page_speaks_the_client_s_language(self):
        (path,) = _paths(_sent(YES, person=b.client(language="ru")).body)
        assert b'<html lang="ru">' in Browser().get(path).content

    def test_forged_and_gone_buttons_get_a_plain_page(self):
        message = _sent(YES)
        (path,) = _paths(message.body)
        other = f"/b/{tokens.sign(Purpose.LINK, message.pk, 0)}"
        assert [Browser().get(where).status_code for where in (path[:-1] + "!", "/b/AAAA", other)] == [404, 403, 403]
        message.delete()
        assert Browser().get(path).status_code == 410
        assert Browser().post(path).status_code == 410

    def test_what_is_typed_presses_the_newest_button_that_says_so(self):
        person = b.client()
        old = _sent(YES, channel="sms", person=person)
        new = _sent(YES, NO, channel="sms", person=person)
        _sent(channel="sms", person=person)
        assert presses.press_by_words(person.pk, Consent.Channel.SMS, "  yes ", NOW, NOW).text == "Yes"
        assert Event.objects.get(name="message.replied").payload["message"] == new.pk != old.pk
        assert presses.press_by_words(person.pk, Consent.Channel.SMS, "maybe", NOW, NOW) is None
        assert presses.press_by_words(b.client().pk, Consent.Channel.SMS, "yes", NOW, NOW) is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("x", "a list"),
        ([{"text": "Yes", "kind": "reply"}] * 7, "at most 6"),
        ([{"text": " ", "kind": "reply"}], "needs a text"),
        ([{"text": "Yes", "kind": "dance"}], "what it does"),
        ([{"text": "Yes", "kind": "reply", "x": "y"}], "what it does"),
        ([{"text": "Shop", "kind": "link", "url": "javascript:alert(1)"}], "the address"),
        ([{"text": "Yes", "kind": "segment"}], "choose the segment"),
        ([{"text": "Yes", "kind": "reply"}, {"text": "YES", "kind": "reply"}], "say the same"),
        ([{"text": "Y" * 41, "kind": "reply"}], "longer than 40"),
    ],
)
def test_what_is_no_button_is_refused_by_name(said, words):
    with pytest.raises(ValidationError, match=words):
        check(said)
