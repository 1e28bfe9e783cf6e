"""Every request that we make of Twilio is valid by Twilio's own OpenAPI document, as Prism judges it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from messaging.channels import http, wire
from messaging.models import Message, TwilioAccount, WhatsAppAccount
from messaging.services import outbox
from tests import builders as b
from tests.messaging.sending import queue, sent
from tests.parties.npm import free_port, installed, serving

pytestmark = pytest.mark.django_db(transaction=True)

SID, SERVICE, TEMPLATE = "AC" + "0" * 32, "MG" + "a" * 32, "HX" + "1" * 32


def _document(packages: Path) -> dict:
    """The paths of messages from Twilio's document."""
    whole = json.loads((packages / "@twilio/cli-core/src/services/twilio-api/twilio_api_v2010.json").read_text())
    whole["paths"] = {path: told for path, told in whole["paths"].items() if path.endswith("/Messages.json")}
    for told in whole["paths"].values():
        # Its example of a list has relative addresses where its own schema says URI: the answer is made of it.
        answer = told["get"]["responses"]["200"]["content"]["application/json"]
        found = answer.pop("examples")["readFullPage1"]["value"]["messages"][0]
        message = found | {"body": "Text", "uri": None, "date_created": "Thu, 01 Jan 2099 00:00:00 +0000"}
        answer["example"] = {"messages": [message], "page": 0}
    return whole


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prism, which answers 422 to whatever the document does not allow."""
    packages, place, port = installed(), tmp_path_factory.mktemp("prism"), free_port()
    (place / "twilio.json").write_text(json.dumps(_document(packages)))
    command = [str(packages / ".bin/prism"), "mock", "--errors", "-h", "127.0.0.1", "-p", str(port)]
    with serving([*command, str(place / "twilio.json")], port, place / "log") as url:
        yield url


@pytest.fixture
def twilio(prism, settings):
    settings.TWILIO_API_BASE = prism
    # Behind a public address our callbacks are named in every request.
    settings.PUBLIC_URL = "https://loyalty.example"


def _account(kind=TwilioAccount, number="+15005550006"):
    channel = "sms" if kind is TwilioAccount else "whatsapp"
    return kind.objects.create(name=number, channel=channel, sid=SID, token="t", number=number)


@pytest.mark.parametrize("number", ["+15005550006", "Shop", SERVICE])
@pytest.mark.parametrize("kind", [TwilioAccount, WhatsAppAccount])
def test_a_text_from_a_number_a_name_and_a_messaging_service(twilio, kind, number):
    account = _account(kind, number)
    message = sent(queue(b.client(), account.channel, body="Скидка 10 % 🎁"))
    assert (message.status, message.error) == ("accepted", "")
    assert message.provider_id.startswith("SM")


def test_a_whatsapp_template_with_its_variables(twilio):
    _account(WhatsAppAccount)
    extras = {"content": TEMPLATE, "variables": {"1": "Anna", "2": "10 %"}}
    message = sent(queue(b.client(), "whatsapp", extras=extras))
    assert (message.status, message.error) == ("accepted", "")


@pytest.mark.parametrize("kind", [TwilioAccount, WhatsAppAccount])
def test_asking_for_a_message_whose_sender_died(twilio, kind):
    message = queue(b.client(), _account(kind).channel)
    claimed_at, account_id = timezone.now() - outbox.LEASE, kind.objects.get().pk
    Message.objects.update(status="sending", claimed_at=claimed_at, account_id=account_id)
    assert outbox.recover(timezone.now()) == 1
    message.refresh_from_db()
    assert (message.status, message.provider_id[:2]) == ("accepted", "SM")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"To": "+15005550001", "Body": "x"}, 201),
        ({"Body": "x"}, 422),
        ({"To": "+15005550001", "StatusCallback": "nowhere"}, 422),
    ],
)
def test_the_judge_tells_right_from_wrong(twilio, prism, form, status):
    url = f"{prism}/2010-04-01/Accounts/{SID}/Messages.json"
    assert wire().run(http.call("POST", url, timeout=5, data=form, auth=(SID, "t"))).status == status
