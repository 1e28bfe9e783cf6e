"""The other pages of the admin in a real browser."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from loyalty.models import Client
from messaging.models import Message
from scenarios.models import RunLog, Scenario, ScenarioRun
from scenarios.services import tree

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = (
    "", "scenarios/scenario/", "scenarios/runlog/", "loyalty/client/", "loyalty/event/", "loyalty/order/",
    "loyalty/cart/", "loyalty/product/", "loyalty/source/", "loyalty/refuseddelivery/", "loyalty/programme/",
    "messaging/message/", "messaging/sinkemail/", "messaging/suppression/", "segments/segment/", "auth/user/",
    "auth/group/", "queues/",
)  # fmt: skip


def test_every_list_opens_without_a_console_error(staff: Page):
    for name in LISTS:
        answer = staff.goto(f"/admin/{name}")
        assert answer
        assert answer.status == 200, name
        staff.wait_for_load_state("networkidle")


def test_log_tab_shows_what_happened(staff: Page):
    now = timezone.now()
    client = Client.objects.create(phone="+79161234567", created_at=now)
    scenario = tree.create(Scenario(name="Welcome"))
    message = Message.objects.create(
        client=client,
        channel="sms",
        topic="marketing",
        status="withheld",
        reason="no_consent",
        due_at=now,
        created_at=now,
    )
    RunLog.objects.create(
        scenario=scenario, client=client, kind="step", step_type="SendMessage", message=message, created_at=now
    )
    RunLog.objects.create(
        scenario=scenario, client=client, kind="step", step_type="AccrueBonuses", bonuses=300, created_at=now
    )
    staff.goto("/admin/scenarios/scenario/")
    staff.locator("#tabs-items").get_by_role("link", name="Log").click()
    rows = staff.locator("#result_list tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("+300")
    for words in ("+79161234567", "Welcome", "Send message", "SMS", "not sent", "no consent"):
        expect(rows.nth(1)).to_contain_text(words)


def test_message_shows_its_path(staff: Page):
    now = timezone.now()
    client = Client.objects.create(phone="+79161234567", created_at=now)
    scenario = tree.create(Scenario(name="Welcome"))
    run = ScenarioRun.objects.create(scenario=scenario, client=client, occurrence="o", entered_at=now, due_at=now)
    message = Message.objects.create(
        client=client,
        channel="sms",
        topic="marketing",
        status="withheld",
        reason="no_consent",
        scenario_id=scenario.pk,
        run_id=run.pk,
        due_at=now,
        created_at=now,
    )
    line = {"scenario": scenario, "client": client, "run": run, "kind": "step", "created_at": now}
    RunLog.objects.create(**line, step_type="AccrueBonuses", bonuses=300)
    RunLog.objects.create(**line, step_type="SendMessage", message=message)
    staff.goto("/admin/messaging/message/")
    rows = staff.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    for words in ("+79161234567", "Welcome", "+300", "SMS", "not sent", "no consent"):
        expect(rows.nth(0)).to_contain_text(words)
    rows.nth(0).get_by_role("link", name="Path").click()
    story = staff.locator(".path li")
    expect(story).to_have_count(3)
    expect(story.nth(1)).to_contain_text("+300 bonuses")
    expect(story.nth(2)).to_contain_text("no consent")


def test_language_is_switched_to_russian(staff: Page, boss: User):
    staff.goto("/admin/")
    staff.get_by_text("boss", exact=True).first.click()
    staff.get_by_role("button", name="русский").click()
    expect(staff.locator("html")).to_have_attribute("lang", "ru")
    staff.goto("/admin/auth/user/")
    expect(staff.locator("body")).to_contain_text("пользовател")
