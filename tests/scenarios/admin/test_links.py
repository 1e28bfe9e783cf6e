"""Clicks by link, for each message of a scenario (semantics §26, §47)."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from messaging.models import Link, Message
from messaging.services import outbox, touches
from scenarios.models import ScenarioDay
from scenarios.services import days
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Safari/604.1"


@pytest.fixture(autouse=True)
def _public_url(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"


def _follow(message, agent=PHONE):
    for path in re.findall(r"http://127\.0\.0\.1:8000(/r/[\w-]+)", message.body):
        Browser(headers={"user-agent": agent}).get(path)
    touches.fold(timezone.now() + timedelta(minutes=1))


def _sent(step, person):
    draft = outbox.Draft(
        person.pk, step.branch.scenario_id, None, step.key, 1, "sms", "service", person.phone, "",
        "Tea https://shop.example/tea",
    )  # fmt: skip
    (message_id,) = outbox.queue([draft], timezone.now())
    Message.objects.filter(pk=message_id).update(status="accepted", sent_at=timezone.now() - timedelta(hours=1))
    return Message.objects.get(pk=message_id)


def test_clicks_clients_share_and_machines_stand_beside_each_link(admin_client):
    draft = b.scenario()
    step = b.sms(b.trunk(draft))
    ScenarioDay.objects.create(
        scenario=draft, day=days.of(timezone.now()), step_key=step.key, figure="delivered", detail="sms", count=40
    )
    anna, boris = b.client(), b.client()
    first, again, other = (_sent(step, person) for person in (anna, anna, boris))
    for message in (first, first, again, other):
        _follow(message)
    _follow(other, "curl/8.0")
    page = admin_client.get(reverse("admin:scenarios_scenario_links", args=[draft.pk]))
    ((url, clicks, clients, share, machines),) = page.context["steps"][0]["rows"]
    assert (url, clicks, clients, share, machines) == ("https://shop.example/tea", "4", "2", "7.5 %", "1")
    assert page.context["steps"][0]["delivered"] == "40"
    assert f'id="{step.key}"' in page.content.decode()


def test_steps_stand_in_their_order_and_removed_ones_last(admin_client):
    draft = b.scenario()
    first, second = b.email(b.trunk(draft)), b.sms(b.trunk(draft))
    for key in ("gone", second.key, first.key):
        Link.objects.create(scenario_id=draft.pk, step_key=key, url=f"https://x.example/{key}", created_at=NOW)
    Link.objects.create(scenario_id=draft.pk + 1, step_key="x", url="https://x.example/", created_at=NOW)
    page = admin_client.get(reverse("admin:scenarios_scenario_links", args=[draft.pk]))
    assert [step["key"] for step in page.context["steps"]] == [first.key, second.key, "gone"]
    assert page.context["steps"][-1]["name"] == "A step that has been removed"


def test_the_form_of_a_message_leads_to_its_links(admin_client):
    step = b.sms(b.trunk(b.scenario()))
    page = admin_client.get(reverse("admin:scenarios_sendmessage_change", args=[step.pk])).content.decode()
    assert f"/links/#{step.key}" in page


def test_who_may_not_see_scenarios_sees_no_links():
    browser = Browser()
    browser.force_login(User.objects.create_user("staff", is_staff=True))
    address = reverse("admin:scenarios_scenario_links", args=[b.scenario().pk])
    assert browser.get(address).status_code == 403
