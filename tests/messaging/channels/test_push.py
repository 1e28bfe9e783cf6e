"""Push: to apps by FCM, to browsers by their services."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from messaging.channels import web_push
from messaging.models import FcmAccount, Suppression, WebPushAccount
from tests import builders as b
from tests.messaging.http_sink import HttpSink
from tests.messaging.sending import queue, sent

ANSWER = (200, {}, {"name": "projects/shop/messages/1", "access_token": "bearer", "expires_in": 3600})


def _unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _packed(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def service_account():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps({"project_id": "shop", "client_email": "push@shop.example", "private_key": pem})


@pytest.mark.django_db(transaction=True)
class TestFcm:
    @pytest.fixture
    def sink(self, settings, service_account):
        with HttpSink(ANSWER) as server:
            settings.FCM_API_BASE = server.url
            FcmAccount.objects.create(name="App", channel="push", service_account=service_account)
            yield server

    def test_one_token_of_access_serves_all_messages(self, sink):
        first, second = (queue(b.client(), "push", address=f"device-{n}") for n in range(2))
        assert [sent(first).status, sent(second).status] == ["accepted", "accepted"]
        paths = sorted(call.path for call in sink.calls)
        assert paths == ["/token", "/v1/projects/shop/messages:send", "/v1/projects/shop/messages:send"]
        call = next(call for call in sink.calls if call.path != "/token" and b"device-0" in call.body)
        assert call.headers["Authorization"] == "Bearer bearer"
        assert call.json()["message"] == {
            "token": "device-0",
            "notification": {"title": "Subject", "body": "Text"},
            "data": {"message": str(first.pk)},
        }

    def test_an_app_that_was_removed_is_not_written_to_again(self, sink):
        details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}]
        error = {"error": {"code": 404, "status": "NOT_FOUND", "message": "gone", "details": details}}
        sink.answers = [ANSWER, (404, {}, error)]
        assert sent(queue(b.client(), "push", address="device")).status == "failed"
        assert Suppression.objects.get().address == "device"

    def test_a_quota_is_waited_for(self, sink):
        details = [{"errorCode": "QUOTA_EXCEEDED"}]
        error = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}}
        sink.answers = [ANSWER, (429, {"Retry-After": "60"}, error)]
        assert sent(queue(b.client(), "push", address="device")).status == "queued"


class TestSealing:
    def test_as_in_the_example_of_rfc_8291(self):
        # RFC 8291 §5 and appendix A.
        private = int.from_bytes(_unpacked("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
        to = web_push.Subscription(
            "https://push.example.net/",
            _unpacked("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            _unpacked("BTBZMqHH6r4Tts7J_aSIgg"),
        )
        sealed = web_push.seal(
            b"When I grow up, I want to be a watermelon",
            to,
            ec.derive_private_key(private, ec.SECP256R1()),
            _unpacked("DGv6ra1nlYgDCS1FRnbzlw"),
        )
        assert _packed(sealed) == (
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
            "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        )


@pytest.mark.django_db(transaction=True)
class TestWebPush:
    @pytest.fixture
    def sink(self, settings):
        settings.WEBHOOK_ALLOW = ["127.0.0.1"]
        with HttpSink((201, {}, b"")) as server:
            yield server

    @pytest.fixture
    def account(self):
        return WebPushAccount.objects.create(name="Site", channel="webpush", contact="push@shop.example")

    def _browser(self, sink):
        key = ec.generate_private_key(ec.SECP256R1())
        keys = {"p256dh": web_push.public_key(key), "auth": _packed(b"0123456789abcdef")}
        return json.dumps({"endpoint": f"{sink.url}/one", "keys": keys})

    def test_a_browser_is_told_under_our_signature(self, sink, account):
        message = sent(queue(b.client(), "webpush", address=self._browser(sink)))
        assert message.status == "accepted"
        call = sink.calls[0]
        assert (call.path, call.headers["Content-Encoding"]) == ("/one", "aes128gcm")
        signed = call.headers["Authorization"].partition("t=")[2].partition(",")[0]
        claims = jwt.decode(
            signed, account.signing_key().public_key(), ["ES256"], audience=sink.url, options={"verify_exp": False}
        )
        assert claims["sub"] == "mailto:push@shop.example"

    def test_a_subscription_that_ended_is_not_used_again(self, sink, account):
        sink.answers = [(410, {}, b"")]
        assert sent(queue(b.client(), "webpush", address=self._browser(sink))).status == "failed"
        assert Suppression.objects.count() == 1

    def test_what_is_no_subscription_is_refused(self, sink, account):
        assert sent(queue(b.client(), "webpush", address="{}")).status == "failed"
        assert sink.calls == []
