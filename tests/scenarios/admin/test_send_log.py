"""The log: one line a message, its filters, its pages, what is hidden from whom."""

import csv
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from loyalty.admin import keyset
from loyalty.models import Order
from messaging.models import Message
from messaging.services.find import id_bounds
from scenarios.admin import log_file
from scenarios.models import Attribution, Branch, RunLog, Scenario, ScenarioRun, Wait
from scenarios.services import tree
from segments.services import membership
from tests.builders import NOW, client, order, record_event, segment, source

pytestmark = pytest.mark.django_db

LOG = "/admin/messaging/message/"


def sent(number: int = 1, **values: object) -> list[Message]:
    """Messages to as many clients, each a minute later."""
    row = {"channel": "sms", "topic": "marketing", "status": "accepted", "body": "Hi!", "due_at": NOW} | values
    return [
        Message.objects.create(**{"client": client(consent=False), "created_at": NOW + timedelta(minutes=i)} | row)
        for i in range(number)
    ]


def seen(browser: Browser, **query: object) -> list[int]:
    """Ids of the messages that a page of the log shows."""
    answer = browser.get(LOG, query)
    assert answer.status_code == 200
    return [message.pk for message in answer.context["cl"].result_list]


def staff(*permissions: str) -> Browser:
    """A browser of somebody of the staff with these rights alone."""
    user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def scenario() -> Scenario:
    return tree.create(Scenario(name="Cart"))


def a_run(scenario: Scenario, **values: object) -> ScenarioRun:
    return ScenarioRun.objects.create(
        **{"scenario": scenario, "client": client(consent=False), "occurrence": "o", "entered_at": NOW, "due_at": NOW}
        | values
    )


def test_line_says_who_why_and_what_came_with_it(admin_client, scenario):
    step = tree.insert(Wait(amount=3), Branch.objects.get(scenario=scenario))
    run = a_run(scenario)
    line = {"scenario": scenario, "client": run.client, "run": run, "kind": "step", "created_at": NOW}
    RunLog.objects.create(**line, step_type="AccrueBonuses", bonuses=150)
    RunLog.objects.create(**line, step_type="IssuePromoCode", detail="SPRING-7QW3-ABCD")
    (message,) = sent(
        client=run.client, scenario_id=scenario.pk, run_id=run.pk, step_key=step.key, status="failed",
        reason="provider_refused", cost="2.4000", tries=3,
    )  # fmt: skip
    RunLog.objects.create(**line, step_type="SendMessage", step_key=step.key, message=message)
    RunLog.objects.create(**line, step_type="AccrueBonuses", bonuses=70)
    page = admin_client.get(LOG).content.decode()
    for words in (run.client.phone, "Cart", step.sentence(), "SMS", "failed", "the provider refused it", "+150",
                  "SPRING-7QW3-ABCD", "2.4 ", f"/admin/messaging/message/path/{run.pk}/"):  # fmt: skip
        assert words in page
    assert "+70" not in page
    assert "+220" not in page
    assert "SPRING-7QW3-ABCD" in admin_client.get(f"{LOG}{message.pk}/change/").content.decode()


def test_attempts_through_further_channels_tell_what_came_with_their_message(admin_client, scenario):
    run = a_run(scenario)
    line = {"scenario": scenario, "client": run.client, "run": run, "kind": "step", "created_at": NOW}
    RunLog.objects.create(**line, step_type="AccrueBonuses", bonuses=150)
    RunLog.objects.create(**line, step_type="IssuePromoCode", detail="SPRING-7QW3-ABCD")
    said = {"client": run.client, "scenario_id": scenario.pk, "run_id": run.pk, "step_key": "m"}
    (first,), (second,), (other,) = sent(**said), sent(**said, attempt=2), sent(**said, attempt=2, visit=2)
    RunLog.objects.create(**line, step_type="SendMessage", step_key="m", message=first)
    shown = {message.pk: message for message in admin_client.get(LOG).context["cl"].result_list}
    assert [shown[message.pk].bonuses for message in (first, second, other)] == [150, 150, None]
    assert shown[second.pk].codes == ["SPRING-7QW3-ABCD"]


def test_full_page_costs_a_fixed_number_of_queries(admin_client, scenario):
    run = a_run(scenario)
    for visit in (1, 2):
        sent(1, scenario_id=scenario.pk, run_id=run.pk, step_key="x", visit=visit)
    admin_client.get(LOG)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(LOG)
    for visit in range(50):
        sent(1, scenario_id=scenario.pk, run_id=run.pk, step_key="x", visit=visit + 3)
    with CaptureQueriesContext(connection) as many:
        assert len(seen(admin_client)) == 50
    # One more: how many there are about.
    assert len(many) - 1 <= len(few) <= 20, [query["sql"] for query in many]
    assert not any("COUNT(*)" in query["sql"] for query in many)


@pytest.mark.parametrize(
    ("query", "found"),
    [({"channel__exact": "sms"}, "ac"), ({"status__exact": "failed"}, "b"), ({"reason__exact": "no_consent"}, "c"),
     ({"topic": "offers"}, "b"), ({"whom": "test"}, "d"), ({"whom": "staff"}, "e"), ({"whom": "client"}, "abc"),
     ({"channel__exact": "email", "status__exact": "failed"}, "b"), ({"scenario": "7"}, "a"),
     ({"scenario": "x"}, "abcde"),
     ({"status__exact": "failed", "topic": "none"}, ""), ({"q": "SM1"}, "a"), ({"q": "nobody"}, "")],
)  # fmt: skip
def test_filters(admin_client, query, found):
    rows = {
        "a": {"scenario_id": 7, "provider_id": "SM1"},
        "b": {"channel": "email", "status": "failed", "reason": "provider_refused", "topic": "offers"},
        "c": {"status": "withheld", "reason": "no_consent"},
        "d": {"channel": "email", "test": True, "recipient": "staff", "client": None},
        "e": {"channel": "email", "recipient": "staff"},
    }
    Scenario.objects.create(pk=7, name="Seven")
    names = {sent(1, **values)[0].pk: name for name, values in rows.items()}
    assert "".join(sorted(names[pk] for pk in seen(admin_client, **query))) == found


def test_filters_by_client_and_segment(admin_client):
    anna, boris = sent(2)
    vip = segment("vip")
    membership.add(vip.pk, {anna.client_id: 0}, NOW)
    assert seen(admin_client, segment=vip.pk) == [anna.pk]
    assert seen(admin_client, q=boris.client.phone) == [boris.pk]
    assert seen(admin_client, client=anna.client_id) == [anna.pk]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [("2026-03-10", "2026-03-10", [0]), ("2026-03-11", "", [1, 2]), ("", "2026-03-09", []), ("x", "", [0, 1, 2])],
)
def test_days_are_of_the_programme_zone_and_both_included(admin_client, first, last, found):
    # 23:30 of the 10th in Moscow, and two days more
    rows = [sent(created_at=NOW.replace(hour=20, minute=30) + timedelta(days=day))[0].pk for day in range(3)]
    days = {"created_at_from": first, "created_at_to": last}
    assert sorted(seen(admin_client, **days)) == [rows[i] for i in found]
    assert sorted(seen(admin_client, **days, channel__exact="sms", topic="marketing")) == [rows[i] for i in found]


def test_ids_of_days_are_found_by_halving():
    rows = [sent(created_at=NOW + timedelta(days=day))[0].pk for day in range(20)]
    Message.objects.filter(pk__in=rows[3:9]).delete()
    low, high = id_bounds(NOW + timedelta(days=10), NOW + timedelta(days=12))
    assert rows[9] < low <= rows[10]
    assert rows[12] < high <= rows[13]
    assert id_bounds(None, None) == (None, None)
    low, _ = id_bounds(NOW + timedelta(days=99), None)
    assert low > rows[-1]


def test_pages_go_on_from_where_the_last_one_ended(admin_client):
    rows = [message.pk for message in sent(120)][::-1]
    page = admin_client.get(LOG, {"channel__exact": "sms"}).context["cl"]
    first = [message.pk for message in page.result_list]
    second = admin_client.get(LOG + page.older_url()).context["cl"]
    # New ones that come meanwhile shift nothing.
    sent(3)
    third = admin_client.get(LOG + second.older_url()).context["cl"]
    assert first + [m.pk for m in second.result_list] + [m.pk for m in third.result_list] == rows
    assert third.older_url() == ""
    back = admin_client.get(LOG + third.newer_url()).context["cl"]
    assert [m.pk for m in back.result_list] == [m.pk for m in second.result_list]
    assert "channel__exact=sms" in back.newer_url()


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_place_that_is_none_is_refused_politely(admin_client, name):
    assert admin_client.get(LOG, {name: "x"}).status_code == 302


def test_what_no_index_answers_is_looked_for_among_so_many_rows_at_a_time(admin_client, monkeypatch):
    monkeypatch.setattr(keyset, "LOOK", 10)
    (wanted,) = sent(topic="offers")
    sent(25)
    found, looks, url = [], 0, "?topic=offers"
    while url:
        page = admin_client.get(LOG + url).context["cl"]
        found += [message.pk for message in page.result_list]
        looks, url = looks + 1, page.older_url()
    assert found == [wanted.pk]
    assert looks == 3
    # By an index it is found at once.
    Message.objects.filter(pk=wanted.pk).update(reason="no_consent", status="withheld")
    assert seen(admin_client, reason__exact="no_consent") == [wanted.pk]


def test_words_of_others_are_shown_as_words(admin_client, scenario):
    Scenario.objects.filter(pk=scenario.pk).update(name="<i>Cart</i>")
    sent(scenario_id=scenario.pk, topic="<b>x</b>", error="<u>", reason="no_consent")
    sent(subject="<script>alert(1)</script>")
    page = admin_client.get(LOG).content.decode()
    for words in ("<i>Cart", "<b>x", "<u>", "<script>alert"):
        assert words not in page
        assert words.replace("<", "&lt;").replace(">", "&gt;") in page


def test_a_day_is_read_along_the_ids_not_sorted(admin_client):
    sent(3)
    with CaptureQueriesContext(connection) as queries:
        seen(admin_client, created_at_from="2026-03-10", created_at_to="2026-03-10")
    (page,) = [one["sql"] for one in queries if one["sql"].startswith('SELECT "messaging_message"."id" ')]
    # An index on the time must not tempt the planner.
    assert '"created_at" +' in page
    assert '"id" >=' in page


def test_those_who_may_not_see_clients_see_no_phone_no_text_and_no_code(scenario):
    run = a_run(scenario)
    line = {"scenario": scenario, "client": run.client, "run": run, "kind": "step", "created_at": NOW}
    RunLog.objects.create(**line, step_type="IssuePromoCode", detail="SPRING-7QW3-ABCD")
    (message,) = sent(client=run.client, run_id=run.pk, scenario_id=scenario.pk, body="Dear Anna", error="Anna’s phone")
    RunLog.objects.create(**line, step_type="SendMessage", message=message)
    browser = staff("view_message", "view_runlog")
    for address in (LOG, f"{LOG}{message.pk}/change/", f"{LOG}path/{run.pk}/"):
        page = browser.get(address).content.decode()
        assert run.client.phone[-4:] in page
        for secret in (run.client.phone, "Anna", "SPRING-7QW3-ABCD"):
            assert secret not in page, address


def test_log_is_for_those_who_may_see_it(scenario):
    run = a_run(scenario)
    assert staff().get(LOG).status_code == 403
    assert staff().get(f"{LOG}path/{run.pk}/").status_code == 403
    assert staff("view_runlog").get(f"{LOG}path/{run.pk + 1}/").status_code == 404


def test_path_reads_as_a_story(admin_client, scenario):
    origin = source()
    step = tree.insert(Wait(amount=3), Branch.objects.get(scenario=scenario))
    person = client(consent=False)
    run = a_run(scenario, client=person, state="goal", due_at=None)
    cart = record_event(origin, "cart.updated", person)
    line = {"scenario": scenario, "client": person, "run": run}
    RunLog.objects.create(**line, kind="entered", event_id=cart, created_at=NOW)
    RunLog.objects.create(**line, kind="step", step_type="AccrueBonuses", bonuses=150, created_at=NOW)
    (message,) = sent(client=person, scenario_id=scenario.pk, run_id=run.pk, step_key=step.key, subject="Your cart",
                      sent_at=NOW + timedelta(minutes=1), first_clicked_at=NOW + timedelta(minutes=9))  # fmt: skip
    RunLog.objects.create(**line, kind="step", step_type="SendMessage", step_key=step.key, message=message,
                          created_at=NOW)  # fmt: skip
    order(origin, person, NOW + timedelta(minutes=30), total=1999_00)
    bought = Order.objects.get(client=person)
    Attribution.objects.create(order=bought, scenario=scenario, owner=True, touch="click", message_id=message.pk,
                               day=NOW.date())  # fmt: skip
    RunLog.objects.create(**line, kind="ended", reason="goal", created_at=NOW + timedelta(minutes=31))
    page = admin_client.get(f"{LOG}path/{run.pk}/").content.decode()
    story = ("Entered the scenario", "Cart changed", "+150 bonuses", step.sentence(), "Your cart", "SMS: sent",
             "Followed a link", "1\xa0999.00 RUB", "belongs to this scenario", "the goal was reached")  # fmt: skip
    places = [page.index(words) for words in story]
    assert places == sorted(places)


def ask_again(browser: Browser, *asked: Message, **boxes: str) -> None:
    page = browser.post(LOG, {"action": "send_again", "_selected_action": [message.pk for message in asked]})
    assert page.status_code == 302
    assert browser.get(page["Location"]).status_code == 200
    ids = ",".join(str(message.pk) for message in asked)
    assert browser.post(f"{LOG}retry/", {"ids": ids} | boxes).status_code == 302


def test_failed_messages_are_sent_again_and_it_is_known_who_asked(admin_client):
    (failed,) = sent(status="failed", reason="provider_refused", error="550", tries=2)
    (fine,) = sent(status="accepted")
    ask_again(admin_client, failed, fine)
    failed.refresh_from_db()
    assert (failed.status, failed.reason, failed.error, failed.tries) == ("queued", "", "", 2)
    assert list(failed.retries.values_list("by", "status", "reason", "error")) == [
        ("admin", "failed", "provider_refused", "550")
    ]
    fine.refresh_from_db()
    assert fine.status == "accepted"
    assert "admin · the provider refused it" in admin_client.get(f"{LOG}{failed.pk}/change/").content.decode()
    ask_again(admin_client, failed)
    assert failed.retries.count() == 1  # queued already: nothing to repeat


def test_what_may_have_arrived_is_sent_again_only_where_staff_say_so(admin_client):
    (unknown,) = sent(status="unknown", reason="crashed", tries=1)
    asking = admin_client.get(f"{LOG}retry/?ids={unknown.pk}").content.decode()
    assert "may get the same message twice" in asking
    ask_again(admin_client, unknown)
    unknown.refresh_from_db()
    assert unknown.status == "unknown"
    assert not unknown.retries.exists()
    ask_again(admin_client, unknown, may_double="on")
    unknown.refresh_from_db()
    assert unknown.status == "queued"
    assert unknown.retries.get().status == "unknown"


def test_who_may_not_send_again_cannot(scenario):
    (failed,) = sent(status="failed")
    browser = staff("view_message")
    assert browser.get(f"{LOG}retry/?ids={failed.pk}").status_code == 403
    assert browser.post(f"{LOG}retry/", {"ids": failed.pk}).status_code == 403
    assert "retry" not in browser.get(f"{LOG}{failed.pk}/change/").content.decode()


@pytest.mark.parametrize("ids", ["", "x", "1,,2", "1" * 30, ",".join(["1"] * 201)])
def test_ids_that_are_none_are_refused(admin_client, ids):
    assert admin_client.get(f"{LOG}retry/", {"ids": ids}).status_code == 400


def export(browser: Browser, **query: object) -> list[dict[str, str]]:
    answer = browser.get(f"{LOG}export/", query)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def test_file_holds_what_the_filters_find(admin_client, scenario):
    (message,) = sent(body="=1+1", status="failed", reason="no_address", cost="1.5000")
    sent(3)
    (row,) = export(admin_client, status__exact="failed")
    assert row["phone"] == message.client.phone
    assert (row["body"], row["reason"], row["cost"], row["test"]) == ("'=1+1", "no_address", "1.5", "")
    assert len(export(admin_client)) == 4
    assert LogEntry.objects.filter(change_message__contains="status__exact=failed").exists()


def test_file_is_read_in_pieces_up_to_its_limit(monkeypatch):
    monkeypatch.setattr(log_file, "CHUNK", 2)
    rows = [message.pk for message in sent(7)][::-1]
    pieces = list(log_file.as_csv(Message.objects.all(), full=True, most=5))
    assert len(pieces) == 4
    told = csv.DictReader(b"".join(pieces).decode("utf-8-sig").splitlines())
    assert [int(row["id"]) for row in told] == rows[:5]


def test_file_is_masked_for_those_who_may_not_see_clients():
    (message,) = sent(body="Dear Anna")
    (row,) = export(staff("view_message", "export_message"))
    assert row["phone"].endswith(message.client.phone[-4:])
    assert row["phone"] != message.client.phone
    assert "body" not in row
    assert "address" not in row
    assert staff("view_message").get(f"{LOG}export/").status_code == 403
