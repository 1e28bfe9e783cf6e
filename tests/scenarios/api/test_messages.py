"""The send log over the API (finding messages: tests/loyalty/api/test_lists.py)."""

from datetime import timedelta

import pytest

from loyalty.api import pages
from messaging.models import Message
from scenarios.models import RunLog, Scenario, ScenarioRun
from scenarios.services import tree
from segments.services import membership
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


def _walk(till, query, link="next"):
    """Pages of ids, from the first (or the given address) on."""
    found, url = [], query if query.startswith("/") else f"messages/?{query}"
    while url:
        page = till.get(url.partition("/api/v1/")[2] or url).json()
        found.append([message["id"] for message in page["results"]])
        url, last = page[link], page
    return found, last


def test_what_no_index_answers_is_looked_for_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(pages, "LOOK", 10)
    values = {"client": b.client(), "channel": "sms", "due_at": NOW, "created_at": NOW}
    rows = [Message.objects.create(topic="offers" if i % 9 == 0 else "other", **values).pk for i in range(35)]
    till, wanted = Till("messages:read"), [pk for i, pk in enumerate(rows) if i % 9 == 0][::-1]
    found, last = _walk(till, "topic=offers&page_size=2")
    assert [pk for page in found for pk in page] == wanted
    assert len(found) >= 4  # 35 rows, 10 at a time
    back, _ = _walk(till, last["previous"], "previous")
    assert sorted(pk for page in back for pk in page) == sorted(wanted)[1:]
    # Nothing at all ends too, and an index needs no looks.
    assert [page for page in _walk(till, "topic=none")[0] if page] == []
    assert len(_walk(till, "channel=sms&page_size=500")[0]) == 1
    # A day begins where it begins, and both at once go by the index of the channel.
    query = "created_from=2026-03-10T00:00:00Z&created_before=2026-03-11T00:00:00Z"
    assert len(_walk(till, f"{query}&page_size=500")[0]) == 1
    assert sum(map(len, _walk(till, f"{query}&channel=sms&topic=offers")[0])) == 4


def test_a_message_tells_where_it_is_and_why():
    anna = b.client()
    values = {
        "channel": "sms",
        "topic": "offers",
        "address": anna.phone,
        "body": "Hi",
        "due_at": NOW,
        "created_at": NOW,
    }
    row = Message.objects.create(client=anna, status="withheld", reason="no_consent", **values)
    told = Till("messages:read").get(f"messages/{row.pk}/").json()
    assert told == {
        "id": row.pk,
        "client": anna.pk,
        "recipient": "client",
        "test": False,
        "scenario": None,
        "run": None,
        "step": "",
        "attempt": 1,
        "channel": "sms",
        "topic": "offers",
        "address": anna.phone,
        "subject": "",
        "body": "Hi",
        "status": "withheld",
        "reason": "no_consent",
        "error": "",
        "tries": 0,
        "cost": None,
        "bonuses": None,
        "promo_codes": [],
        "provider_id": "",
        "created_at": "2026-03-10T12:00:00Z",
        "due_at": "2026-03-10T12:00:00Z",
        "sent_at": None,
        "delivered_at": None,
        "opened_at": None,
        "clicked_at": None,
    }
    problem(Till().get("messages/999999/"), 404, "not-found")


def test_filters_of_the_log():
    anna = b.client()
    base = {"client": anna, "channel": "sms", "topic": "offers", "due_at": NOW}
    day = timedelta(days=1)
    first = Message.objects.create(**base, created_at=NOW - day, status="withheld", reason="no_consent", run_id=5)
    second = Message.objects.create(**base | {"topic": "news", "client": b.client()}, created_at=NOW, test=True)
    vip = b.segment()
    membership.add(vip.pk, {anna.pk: 0}, NOW)
    till = Till("messages:read")
    for query, found in (
        ("reason=no_consent", [first]),
        ("topic=news", [second]),
        ("test=false", [first]),
        ("run=5", [first]),
        (f"segment={vip.pk}", [first]),
        ("created_from=2026-03-10T12:00:00Z", [second]),
        ("created_before=2026-03-10T12:00:00Z", [first]),
        ("created_from=2026-03-01T00:00:00Z&created_before=2026-04-01T00:00:00Z", [second, first]),
    ):
        assert [row["id"] for row in till.get(f"messages/?{query}").json()["results"]] == [m.pk for m in found], query
    problem(till.get("messages/?created_from=yesterday"), 400, "invalid", "created_from")
    problem(till.get("messages/?reason=bad"), 400, "invalid", "reason")


def test_a_message_tells_what_came_with_it():
    scenario = tree.create(Scenario(name="Cart"))
    run = ScenarioRun.objects.create(scenario=scenario, client=b.client(), occurrence="o", entered_at=NOW, due_at=NOW)
    row = Message.objects.create(client=run.client, run_id=run.pk, channel="sms", due_at=NOW, created_at=NOW)
    line = {"scenario": scenario, "client": run.client, "run": run, "kind": "step", "created_at": NOW}
    RunLog.objects.create(**line, step_type="AccrueBonuses", bonuses=150)
    RunLog.objects.create(**line, step_type="IssuePromoCode", detail="SPRING")
    RunLog.objects.create(**line, step_type="SendMessage", message=row)
    (told,) = Till("messages:read").get("messages/").json()["results"]
    assert (told["bonuses"], told["promo_codes"]) == (150, ["SPRING"])


def test_nobody_writes_the_log():
    problem(Till().post("messages/", {}), 405, "method-not-allowed")
