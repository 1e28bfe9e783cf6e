"""Scenarios over the API: seen, and entered by hand."""

import pytest

from scenarios.models import RunLog, ScenarioRun
from scenarios.services import lifecycle
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


def live(**values):
    draft = b.scenario(**values)
    b.wait(b.trunk(draft))
    return b.live(draft)


def test_scenarios_are_listed_with_their_release():
    till = Till()
    draft, running, gone = b.scenario(name="Draft"), live(name="Welcome"), live(name="Gone")
    lifecycle.archive(gone, NOW)
    rows = {row["id"]: row for row in till.get("scenarios/").json()["results"]}
    assert rows.keys() == {draft.pk, running.pk}
    assert (rows[draft.pk]["release"], rows[running.pk]["release"]) == (None, 1)
    assert [row["id"] for row in till.get("scenarios/?status=archived").json()["results"]] == [gone.pk]
    assert [row["id"] for row in till.get("scenarios/?search=welc").json()["results"]] == [running.pk]
    assert till.get(f"scenarios/{running.pk}/").json()["status"] == "active"
    problem(till.get("scenarios/999999/"), 404)


class TestEnrol:
    def test_clients_enter_and_every_request_is_an_occasion_of_its_own(self):
        till, scenario, anna = Till(), live(parallel=True), b.client()
        body = {"clients": [str(anna.pk), str(anna.pk), str(b.client().pk)]}
        assert till.post(f"scenarios/{scenario.pk}/enrol/", body, "k1").json() == {"entered": 2, "refused": 0}
        assert till.post(f"scenarios/{scenario.pk}/enrol/", body, "k1").json() == {"entered": 2, "refused": 0}
        assert ScenarioRun.objects.count() == 2
        assert till.post(f"scenarios/{scenario.pk}/enrol/", body, "k2").json() == {"entered": 2, "refused": 0}
        assert ScenarioRun.objects.count() == 4

    def test_for_an_occasion_that_is_named_a_client_enters_once(self):
        till, scenario, anna = Till(), live(parallel=True), b.client()
        body = {"clients": [str(anna.pk)], "occurrence": "contract:77"}
        assert till.post(f"scenarios/{scenario.pk}/enrol/", body).json() == {"entered": 1, "refused": 0}
        assert till.post(f"scenarios/{scenario.pk}/enrol/", body).json() == {"entered": 0, "refused": 1}
        assert RunLog.objects.get(kind="refused").reason == "entered_before"

    def test_the_rules_of_entry_stay_in_force(self):
        till, scenario, anna = Till(), live(), b.client()
        body = {"clients": [str(anna.pk)]}
        till.post(f"scenarios/{scenario.pk}/enrol/", body)
        assert till.post(f"scenarios/{scenario.pk}/enrol/", body).json() == {"entered": 0, "refused": 1}
        assert RunLog.objects.get(kind="refused").reason == "inside"

    def test_a_scenario_that_is_not_active_lets_nobody_in(self):
        till, paused = Till(), live()
        lifecycle.pause(paused, NOW)
        for scenario in (b.scenario(), paused):
            body = {"clients": [str(b.client().pk)]}
            problem(till.post(f"scenarios/{scenario.pk}/enrol/", body), 409, "conflict")
        assert not ScenarioRun.objects.exists()

    @pytest.mark.parametrize("body", [{}, {"clients": ["999999"]}, {"clients": ["1"], "occurrence": "x" * 300}])
    def test_a_body_that_is_wrong_is_refused(self, body):
        problem(Till().post(f"scenarios/{live().pk}/enrol/", body), 400, "invalid")

    def test_it_needs_the_right_to_write(self):
        problem(Till("scenarios:read").post(f"scenarios/{live().pk}/enrol/", {"clients": ["1"]}), 403)


def test_why_a_client_did_or_did_not_get_it_is_told():
    till, running, anna = Till(), live(), b.client()
    told = till.get(f"scenarios/{running.pk}/explain/?client={anna.pk}").json()
    assert told["client_id"] == anna.pk
    assert told["verdict"].startswith("Nothing happened")
    problem(till.get(f"scenarios/{running.pk}/explain/"), 400)


def test_a_client_is_rehearsed_at_once_and_the_base_is_ordered():
    till, draft, anna = Till(), b.scenario(), b.client()
    b.email(b.trunk(draft), body="Hi {{ client.first_name }}")
    url = f"scenarios/{draft.pk}/rehearse/"
    told = till.post(url, {"client": str(anna.pk)}).json()
    assert [moment["body"] for moment in told["moments"] if moment["channel"]] == ["Hi Anna"]
    assert not ScenarioRun.objects.exists()
    ordered = till.post(url, {"days": 7})
    assert (ordered.status_code, ordered.json()["state"]) == (202, "ordered")
    assert [row["days"] for row in till.get(f"scenarios/{draft.pk}/rehearsals/").json()] == [7]
    problem(till.post(url, {}), 400)
    problem(till.post(url, {"client": str(anna.pk), "days": 7}), 400)
