"""Chats, devices and browsers of clients: whose they are, and how they come to be known."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.urls import reverse

from loyalty.models import Client
from messaging import tokens
from messaging.channels import web_push
from messaging.models import ClientAddress, Suppression, TelegramAccount, VkAccount, WebPushAccount
from messaging.services import addresses, outbox, recipients
from messaging.tokens import Purpose
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _address(client, channel="push", value="token", seen=NOW):
    return ClientAddress.objects.create(client=client, channel=channel, value=value, created_at=NOW, seen_at=seen)


def _reached(client, channel):
    return recipients.load([client.pk])[client.pk].address(channel)


class TestRecipients:
    def test_phone_and_email_serve_the_channels_that_go_by_them(self):
        anna = b.client()
        assert _reached(anna, "email") == anna.email
        assert {_reached(anna, name) for name in ("sms", "whatsapp", "messenger")} == {anna.phone}
        assert {_reached(anna, name) for name in ("telegram", "vk", "push", "webpush")} == {""}

    def test_the_device_seen_last_that_still_takes_messages(self):
        anna = b.client()
        _address(anna, value="old")
        _address(anna, value="new", seen=NOW + timedelta(days=1))
        assert _reached(anna, "push") == "new"
        Suppression.objects.create(channel="push", address="new", since=NOW)
        assert _reached(anna, "push") == "old"

    def test_one_query_however_many_clients_and_addresses(self, django_assert_num_queries):
        people = b.clients(20)
        for number, person in enumerate(people):
            _address(person, value=str(number))
            _address(person, "telegram", str(number))
        recipients.load([people[0].pk])
        with django_assert_num_queries(1):
            found = recipients.load([person.pk for person in people])
        assert [found[person.pk].address("telegram") for person in people] == [str(n) for n in range(20)]

    def test_a_guest_brings_their_addresses_along(self):
        guest, anna = b.client(), b.client()
        _address(guest)
        outbox.hand_over(guest.pk, anna.pk)
        assert _reached(anna, "push") == "token"


class TestWebPushPage:
    @pytest.fixture
    def account(self):
        return WebPushAccount.objects.create(name="Site", channel="webpush", contact="push@shop.example")

    def _subscription(self):
        key = web_push.public_key(ec.generate_private_key(ec.SECP256R1()))
        return {"endpoint": "https://push.example/1", "keys": {"p256dh": key, "auth": "MDEyMzQ1Njc4OWFiY2RlZg"}}

    def _page(self, person):
        return reverse("push", args=[tokens.sign(Purpose.SIGN_UP, person.pk)])

    def _post(self, client, page, body):
        return client.post(page, body if isinstance(body, str) else json.dumps(body), content_type="application/json")

    def test_a_browser_subscribes_by_a_signed_link(self, client, account):
        anna = b.client(consent=False)
        page = client.get(self._page(anna))
        assert page.status_code == 200
        assert web_push.public_key(account.signing_key()) in page.content.decode()
        assert self._post(client, self._page(anna), self._subscription()).status_code == 201
        assert web_push.subscription(_reached(anna, "webpush")).endpoint == "https://push.example/1"
        said = anna.consents.get()
        assert (said.channel, said.topic, said.granted, said.text_version) == ("webpush", "marketing", True, "push-1")

    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"endpoint": "x", "keys": {}}', '{"endpoint": 1, "keys": 2}'])
    def test_what_is_no_subscription_is_refused(self, client, account, body):
        assert self._post(client, self._page(b.client()), body).status_code == 422
        assert not ClientAddress.objects.exists()

    def test_a_forged_link_opens_nothing(self, client, account):
        assert client.get(reverse("push", args=["A" * 20])).status_code == 403
        # A link of another purpose is no key to this one.
        other = tokens.sign(Purpose.PREFERENCES, b.client().pk)
        assert client.get(reverse("push", args=[other])).status_code == 403

    def test_without_an_account_there_is_no_page(self, client):
        assert client.get(self._page(b.client())).status_code == 410

    def test_the_worker_is_a_script_of_the_root(self, client):
        answer = client.get(reverse("push-worker"))
        assert answer.headers["Content-Type"] == "text/javascript"
        assert b"showNotification" in answer.content


class TestSigningUp:
    def test_an_address_belongs_to_who_used_it_last_and_a_block_is_forgotten(self):
        anna, maria = b.client(), b.client()
        evidence = addresses.Evidence("test")
        addresses.sign_up(anna, "telegram", "42", "", evidence, NOW)
        addresses.blocked("telegram", "42", "blocked", NOW)
        assert _reached(anna, "telegram") == ""
        addresses.sign_up(maria, "telegram", "42", "", evidence, NOW + timedelta(days=1))
        assert (_reached(anna, "telegram"), _reached(maria, "telegram")) == ("", "42")

    def test_links_lead_to_the_client_who_has_the_account_now(self):
        guest, anna = b.client(), b.client()
        Client.objects.filter(pk=guest.pk).update(merged_into=anna)
        bot = TelegramAccount(username="shop_bot")
        token = addresses.telegram_link(bot, guest.pk).partition("?start=")[2]
        assert len(token) <= 64
        assert addresses.client_of(token) == anna
        assert token in addresses.vk_link(VkAccount(group_id=7), guest.pk)
