"""The log tab: what a line says, what a page costs, what is hidden from whom."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from messaging.models import Message
from scenarios.models import Branch, RunLog, Scenario, Wait
from scenarios.services import tree
from segments.services import membership
from tests.builders import NOW, client, segment

pytestmark = pytest.mark.django_db

LOG = "/admin/scenarios/runlog/"


@pytest.fixture
def scenario() -> Scenario:
    return tree.create(Scenario(name="Cart"))


def lines(scenario: Scenario, number: int, **values: object) -> list[RunLog]:
    """Lines about as many clients, every second one with a message."""
    made = []
    for i in range(number):
        person = client(consent=False)
        message = None
        if i % 2:
            message = Message.objects.create(
                client=person, channel="sms", topic="marketing", status="failed", due_at=NOW, created_at=NOW
            )
        row = {"kind": "step", "step_type": "SendMessage", "created_at": NOW} | values
        made.append(RunLog.objects.create(scenario=scenario, client=person, message=message, **row))
    return made


def test_page_of_a_hundred_lines_costs_a_fixed_number_of_queries_and_never_counts(admin_client, scenario):
    trunk = Branch.objects.get(scenario=scenario)
    first, second = (tree.insert(Wait(amount=n), trunk) for n in (1, 2))
    lines(scenario, 2, step_key=first.key)
    admin_client.get(LOG)  # content types are read once a process
    with CaptureQueriesContext(connection) as few:
        admin_client.get(LOG)
    lines(scenario, 65, step_key=second.key)
    lines(scenario, 65, step_key=first.key)
    with CaptureQueriesContext(connection) as many:
        page = admin_client.get(LOG).content.decode()
    assert page.count("Wait 1 day") == 65
    assert page.count("Wait 2 days") == 35
    assert len(many) == len(few)
    assert len(many) < 12
    told = [query["sql"] for query in many.captured_queries]
    assert not [sql for sql in told if "COUNT(" in sql and "scenarios_runlog" in sql]
    (listing,) = [sql for sql in told if 'FROM "scenarios_runlog"' in sql]
    assert "LIMIT 100" in listing


def test_line_says_what_happened(admin_client, scenario):
    (line,) = lines(scenario, 1, kind="refused", reason="too_soon")
    page = admin_client.get(LOG).content.decode()
    for words in (line.client.phone, "Cart", "Did not enter", "entered too recently"):
        assert words in page


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 4), ("?channel=sms", 2), ("?status=failed", 2), ("?status=sent", 0), ("?kind__exact=ended", 0),
     ("?channel=email", 0), ("?scenario=0", 0), ("?scenario=x", 4), ("?p=2", 0)],
)  # fmt: skip
def test_filters(admin_client, scenario, query, found):
    lines(scenario, 4)
    assert admin_client.get(LOG + query).content.decode().count("Send message") == found


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("2026-03-10", "2026-03-10", 1),
        ("2026-03-11", "", 0),
        ("", "2026-03-09", 0),
        ("03/10/2026", "", 1),
        ("x", "", 1),
    ],
)
def test_days_are_of_the_programme_zone_and_both_included(admin_client, scenario, first, last, found):
    # 23:30 of the 10th in Moscow
    lines(scenario, 1, created_at=NOW.replace(hour=20, minute=30))
    page = admin_client.get(LOG, {"created_at_from": first, "created_at_to": last}).content.decode()
    assert page.count("Send message") == found


def test_days_may_be_written_as_russians_do(admin_client, scenario, settings):
    settings.LANGUAGE_CODE = "ru"
    lines(scenario, 1)
    for day, found in (("10.03.2026", 1), ("11.03.2026", 0)):
        page = admin_client.get(LOG, {"created_at_from": day}).content.decode()
        assert ("field-scenario_name" in page) == bool(found)


def test_line_is_found_by_phone_however_it_is_written_e_mail_and_id(admin_client, scenario):
    wanted, other = lines(scenario, 2)
    phone = wanted.client.phone
    dirty = f"8 ({phone[2:5]}) {phone[5:8]}-{phone[8:]}"
    for text in (phone, dirty, wanted.client.email.upper(), str(wanted.client.pk)):
        page = admin_client.get(LOG, {"q": text}).content.decode()
        assert wanted.client.phone in page, text
        assert other.client.phone not in page, text
    assert "Send message" not in admin_client.get(LOG, {"q": "nobody@example.com"}).content.decode()


def test_phone_is_masked_without_the_permission_to_see_clients(scenario):
    (line,) = lines(scenario, 1)
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_runlog"))
    browser = Browser()
    browser.force_login(user)
    page = browser.get(LOG).content.decode()
    assert line.client.phone not in page
    assert line.client.phone[-4:] in page


def test_page_too_far_to_reach_is_refused_politely(admin_client, scenario):
    answer = admin_client.get(LOG + "?p=100000")
    assert answer.status_code == 302
    assert reverse("admin:scenarios_runlog_changelist") in answer["Location"]


def test_log_is_never_changed_by_hand(admin_client, scenario):
    (line,) = lines(scenario, 1)
    for name in ("change", "delete"):
        assert admin_client.post(reverse(f"admin:scenarios_runlog_{name}", args=[line.pk])).status_code == 403
    assert admin_client.post(reverse("admin:scenarios_runlog_add")).status_code == 403


def test_lines_of_those_in_a_segment(admin_client, scenario):
    inside, outside = lines(scenario, 2)
    vip = segment("vip")
    membership.add(vip.pk, {inside.client_id: 0}, NOW)
    page = admin_client.get(LOG, {"segment": vip.pk}).content.decode()
    assert inside.client.phone in page
    assert outside.client.phone not in page
    assert admin_client.get(LOG, {"segment": "x'1"}).status_code == 200
