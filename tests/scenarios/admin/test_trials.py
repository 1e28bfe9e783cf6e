"""Rehearsal and why / why not in the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import Rehearsal, ScenarioRun
from scenarios.services import rehearsals
from tests import builders as b

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    draft, shop, anna = b.scenario(), b.source(), b.client()
    b.email(b.trunk(draft), subject="Thanks", body="Hi {{ client.first_name }}")
    b.accrue(b.trunk(draft), amount=70)
    b.record_event(shop, "order.created", anna, timezone.now() - timedelta(days=1))
    return draft, anna


def _page(client, name, draft, query=""):
    return client.get(reverse(f"admin:scenarios_scenario_{name}", args=[draft.pk]) + query).content.decode()


def test_a_client_is_rehearsed_with_the_text_and_nothing_remains(admin_client, scene):
    draft, anna = scene

    page = _page(admin_client, "rehearse", draft, f"?client={anna.pk}")

    assert "Hi Anna" in page
    assert "70 bonuses" in page
    assert not ScenarioRun.objects.exists()
    assert "Nobody is known by this." in _page(admin_client, "rehearse", draft, "?client=nobody")


def test_the_base_is_rehearsed_by_a_worker_and_shown(admin_client, scene):
    draft, _ = scene
    url = reverse("admin:scenarios_scenario_rehearse", args=[draft.pk])
    admin_client.post(url, {"days": 3})
    assert "A worker rehearses" in _page(admin_client, "rehearse", draft)

    assert rehearsals.run_next(timezone.now()) is True
    assert rehearsals.run_next(timezone.now()) is False

    done = Rehearsal.objects.get()
    assert (done.state, done.figures["entries"], done.figures["bonuses"], done.done) == ("done", 1, 70, 1)
    assert "Would be sent" in _page(admin_client, "rehearse", draft)
    assert "less than or equal to 366" in admin_client.post(url, {"days": 1000}).content.decode()


def test_a_rehearsal_whose_worker_died_is_taken_up_again(scene):
    draft, _ = scene
    now = timezone.now()
    rehearsals.order(draft, 1, None, now)
    Rehearsal.objects.update(state="running", started_at=now - timedelta(minutes=30))
    assert rehearsals.run_next(now) is False
    assert rehearsals.run_next(now + timedelta(hours=1)) is True


def test_why_is_told_with_what_conditions_saw(admin_client, scene):
    draft, anna = scene
    b.live(draft, timezone.now() - timedelta(days=2))
    read_events(timezone.now())
    advance_due(timezone.now())

    page = _page(admin_client, "why", draft, f"?client={anna.email}")

    assert "the client entered" in page
    assert "Run of" in page


def test_clients_are_shown_to_those_who_may_see_them(client, scene):
    draft, anna = scene
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_scenario"))
    client.force_login(reader)

    for name in ("rehearse", "why"):
        url = reverse(f"admin:scenarios_scenario_{name}", args=[draft.pk])
        assert client.get(f"{url}?client={anna.pk}").status_code == 403
