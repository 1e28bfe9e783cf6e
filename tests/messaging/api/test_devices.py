"""Devices over the API: whose they are, moved with their owner, forgotten at signing out (contract §3)."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from loyalty.models import Consent, Identity
from messaging.channels import web_push
from messaging.models import ClientAddress, Suppression, WebPushAccount
from messaging.services import policy, recipients, rulebook
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


NO_SUBSCRIPTION = {"endpoint": "https://x", "keys": {"p256dh": "a", "auth": "b"}}


def _reached(client, channel="push"):
    return recipients.load([client.pk])[client.pk].address(channel)


def _subscription():
    key = web_push.public_key(ec.generate_private_key(ec.SECP256R1()))
    return {"endpoint": "https://push.example/1", "keys": {"p256dh": key, "auth": "MDEyMzQ1Njc4OWFiY2RlZg"}}


@pytest.fixture
def anna():
    client = b.client(consent=False)
    Identity.objects.create(client=client, kind="external", scope="shop", value="C-1")
    return client


def test_an_app_registers_its_token(anna):
    answer = Till().post("devices/", {"client": "external:shop:C-1", "token": "t1", "device": "Pixel 8"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["client"], told["channel"], told["device"], told["active"]) == (anna.pk, "push", "Pixel 8", True)
    assert "token" not in told
    assert _reached(anna) == "t1"


def test_at_every_start_it_is_the_same_device_seen_again(anna):
    till, body = Till(), {"client": str(anna.pk), "token": "t1"}
    first, second = till.post("devices/", body).json(), till.post("devices/", body).json()
    assert first["id"] == second["id"]
    assert first["created_at"] == second["created_at"]
    assert second["seen_at"] > first["seen_at"]


def test_a_device_that_changes_hands_moves(anna):
    till, maria = Till(), b.client()
    till.post("devices/", {"client": str(anna.pk), "token": "t1"})
    till.post("devices/", {"client": str(maria.pk), "token": "t1"})
    assert (_reached(anna), _reached(maria)) == ("", "t1")
    assert ClientAddress.objects.count() == 1


def test_silence_is_no_and_a_word_is_kept_once(anna):
    till, body = Till(), {"client": str(anna.pk), "token": "t1"}
    till.post("devices/", body)
    assert not Consent.objects.exists()
    for _ in range(2):
        till.post("devices/", body | {"agreed": True})
    consent = Consent.objects.get()
    assert (consent.channel, consent.topic, consent.granted) == ("push", "marketing", True)
    assert (consent.source, consent.evidence) == (till.row.source, "devices")
    till.post("devices/", body | {"agreed": False})
    asks = policy.asks_of(recipients.load([anna.pk]), "push", "marketing")
    now = Consent.objects.latest("given_at").given_at
    verdicts = policy.judge(asks, rulebook.load(now), now, policy.Stage.SHOWING)
    assert {verdict.reason for verdict in verdicts.values()} == {"no_consent"}


def test_a_token_that_firebase_called_gone_works_again_one_that_staff_stopped_does_not(anna):
    till = Till()
    for token, kind in (("gone", "provider"), ("stopped", "staff")):
        Suppression.objects.create(channel="push", address=token, kind=kind, since=NOW)
        till.post("devices/", {"client": str(anna.pk), "token": token})
    assert _reached(anna) == "gone"
    active = {row["active"] for row in till.get(f"devices/?client={anna.pk}").json()["results"]}
    assert active == {True, False}


def test_a_browser_gives_its_subscription(anna):
    given = _subscription() | {"expirationTime": None}
    assert Till().post("devices/", {"client": str(anna.pk), "subscription": given}).json()["channel"] == "webpush"
    assert web_push.subscription(_reached(anna, "webpush")).endpoint == "https://push.example/1"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"client": "1"}, "token"),
        ({"client": "999999", "token": "t"}, "client"),
        ({"client": "x", "token": "t"}, "client"),
        ({"token": "t"}, "client"),
        ({"client": "1", "token": "t", "subscription": NO_SUBSCRIPTION}, "token"),
        ({"client": "1", "subscription": NO_SUBSCRIPTION}, "subscription"),
        ({"client": "1", "token": "t" * 1001}, "token"),
    ],
)  # fmt: skip
def test_what_is_no_device_is_refused_by_its_field(body, field):
    problem(Till().post("devices/", body), 400, "invalid", field)
    assert not ClientAddress.objects.exists()


def test_at_signing_out_it_is_forgotten_by_id_or_by_token(anna):
    till = Till()
    made = till.post("devices/", {"client": str(anna.pk), "token": "t1"}).json()
    for _ in range(2):
        assert till.call("DELETE", f"devices/{made['id']}/").status_code == 204
    till.post("devices/", {"client": str(anna.pk), "token": "t1"})
    assert till.post("devices/remove/", {"token": "t1"}).json() == {"removed": True}
    assert till.post("devices/remove/", {"token": "t1"}).json() == {"removed": False}
    assert not ClientAddress.objects.exists()


def test_a_chat_is_no_device(anna):
    chat = ClientAddress.objects.create(client=anna, channel="telegram", value="42", created_at=NOW, seen_at=NOW)
    till = Till()
    assert till.get("devices/").json()["results"] == []
    problem(till.get(f"devices/{chat.pk}/"), 404, "not-found")
    till.call("DELETE", f"devices/{chat.pk}/")
    assert ClientAddress.objects.exists()


def test_a_key_needs_the_scope(anna):
    problem(Till("devices:read").post("devices/", {"client": str(anna.pk), "token": "t"}), 403, "forbidden")
    problem(Till("clients:read").get("devices/"), 403, "forbidden")


def test_a_site_asks_for_the_key_of_web_push():
    till = Till()
    problem(till.get("devices/web-push-key/"), 404, "not-found")
    account = WebPushAccount.objects.create(name="Site", channel="webpush", contact="push@shop.example")
    assert till.get("devices/web-push-key/").json() == {"key": web_push.public_key(account.signing_key())}


def test_a_page_of_devices_takes_a_fixed_number_of_queries(anna, django_assert_max_num_queries):
    till = Till()
    for number in range(30):
        ClientAddress.objects.create(client=anna, channel="push", value=str(number), created_at=NOW, seen_at=NOW)
    with django_assert_max_num_queries(6):
        assert len(till.get("devices/").json()["results"]) == 30
