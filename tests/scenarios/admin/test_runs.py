"""The list of runs and the Problems page."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from scenarios.models import ScenarioRun
from tests.builders import NOW
from tests.scenarios.services.test_runs import _failed

pytestmark = pytest.mark.django_db


def test_failed_runs_are_mended_from_the_problems_page(admin_client):
    draft, _ = _failed(2)
    page = admin_client.get(reverse("admin:scenarios_problems"))
    assert draft.name in page.content.decode()
    row = page.context["found"].failed[0]

    posted = {"scenario": draft.pk, "step": row.step_key, "error": row.error, "verb": "skip"}
    answer = admin_client.post(reverse("admin:scenarios_problems"), posted, follow=True)

    assert "Skip the step: 2 runs" in answer.content.decode()
    assert set(ScenarioRun.objects.values_list("state", flat=True)) == {"active"}


@pytest.mark.parametrize("posted", [{}, {"verb": "burn", "scenario": 1}, {"verb": "retry", "scenario": "x"}])
def test_a_post_that_no_page_makes_is_400(admin_client, posted):
    assert admin_client.post(reverse("admin:scenarios_problems"), posted).status_code == 400


def test_a_reader_sees_problems_and_mends_nothing(client):
    draft, _ = _failed()
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_scenariorun"))
    client.force_login(reader)

    assert "Try again" not in client.get(reverse("admin:scenarios_problems")).content.decode()
    assert client.post(reverse("admin:scenarios_problems"), {"verb": "retry", "scenario": draft.pk}).status_code == 403


def test_runs_are_listed_with_where_they_stand_and_acted_on(admin_client, django_assert_max_num_queries):
    _failed(5)
    url = reverse("admin:scenarios_scenariorun_changelist")
    admin_client.get(url)
    with django_assert_max_num_queries(20):
        page = admin_client.get(url + "?state__exact=failed").content.decode()
    assert page.count("PoolDry") >= 5

    ids = list(ScenarioRun.objects.values_list("pk", flat=True))
    admin_client.post(url, {"action": "finish", "_selected_action": ids[:2]})
    assert ScenarioRun.objects.filter(state="exited", finished_at__gt=NOW + timedelta(days=1)).count() == 2
