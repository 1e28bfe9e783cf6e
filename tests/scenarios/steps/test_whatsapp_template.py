"""A message by a template of WhatsApp: checked on save, sent with each client's variables (semantics §25, §28)."""

import pytest

from messaging.models import Message
from scenarios.models import SendMessage
from tests import builders as b
from tests.messaging.http_sink import HttpSink
from tests.messaging.sending import drain
from tests.messaging.test_whatsapp_templates import HX, account, template

pytestmark = pytest.mark.django_db

VARIABLES = {"1": '{{ client.first_name | default: "друг" }}', "2": "https://shop.example/cart"}


def _step(draft, **values):
    given = {"channel": "whatsapp", "template": HX, "body": "x", "variables": VARIABLES, "topic": "service"}
    return b.add(SendMessage, b.trunk(draft), **given | values)


def test_each_client_gets_the_template_with_their_own_variables_and_counted_links(settings, walk):
    template()
    anna, nobody, draft = b.client(), b.client(first_name=""), b.scenario()
    _step(draft, buttons=[{"text": "Да", "kind": "reply"}])
    with HttpSink((201, {}, {"sid": "SM1"})) as sink:
        settings.TWILIO_API_BASE = sink.url
        account()
        walk(draft, anna, nobody)
        drain()
    calls = [call.form() for call in sink.calls]
    assert {call["ContentSid"] for call in calls} == {HX}
    assert not [call for call in calls if "Body" in call]
    said = {message.client_id: message.extras["variables"] for message in Message.objects.all()}
    assert (said[anna.pk]["1"], said[nobody.pk]["1"]) == ("Anna", "друг")
    assert said[anna.pk]["2"].startswith(f"{settings.PUBLIC_URL}/r/")
    # Quick replies are the template's own: no links in the text, and they are known when they come back.
    assert {message.body for message in Message.objects.all()} == {"x"}
    assert Message.objects.first().extras["buttons"][0]["text"] == "Да"


def test_a_variable_that_is_empty_for_a_client_stops_the_message_with_its_reason(walk):
    template()
    draft = b.scenario()
    _step(draft, variables={"1": '{{ client.last_name | default: "" }}', "2": "x"})
    walk(draft, b.client(last_name=""))
    message = Message.objects.get()
    assert (message.reason, "«1»" in message.error) == ("render_failed", True)


def test_line_breaks_of_a_variable_become_spaces_which_whatsapp_takes(walk):
    template()
    draft = b.scenario()
    _step(draft, variables={"1": "a\n\n b", "2": "x"})
    walk(draft, b.client())
    assert Message.objects.get().extras == {"content": HX, "variables": {"1": "a b", "2": "x"}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"template": "HX1"}, "HX and 32"),
        ({"template": "HX" + "c" * 32}, "not known here"),
        ({"variables": {"1": "x"}}, "its variables: 2"),
        ({"variables": {"1": "{{ klient }}", "2": "x"}}, "1: line 1, column 4"),
        ({"variables": {"1": "x", "2": 3}}, "each with its text"),
    ],
)
def test_what_is_wrong_with_a_template_forbids_saving_and_publishing(values, words):
    template()
    given = {"template": HX, "variables": VARIABLES, "body": "x"} | values
    assert words in " ".join(SendMessage(channel="whatsapp", **given).problems())
    other = SendMessage(channel="sms", body="x", fallbacks=[{"channel": "whatsapp", **given}])
    assert words in " ".join(other.problems())


def test_a_whole_template_forbids_nothing():
    template()
    assert SendMessage(channel="whatsapp", template=HX, variables=VARIABLES).problems() == []
