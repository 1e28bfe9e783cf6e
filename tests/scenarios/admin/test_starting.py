"""Starting by hand, and the question on activation: only new ones, or also those who match now (semantics §6)."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from scenarios.engine.scan import scan_due
from scenarios.models import ManualTrigger, ScenarioRun, SegmentTrigger
from segments.services import membership
from tests import builders as b

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    User.objects.create_superuser("boss")
    browser = Browser(raise_request_exception=True)
    browser.force_login(User.objects.get())
    return browser


def _draft(kind, **values):
    draft = b.scenario()
    draft.triggers.all().delete()
    kind.objects.create(scenario=draft, **values)
    b.wait(b.trunk(draft))
    return draft


def _url(scenario, verb):
    return reverse("admin:scenarios_scenario_verb", args=[scenario.pk, verb])


def test_clients_are_named_one_a_line(boss):
    anna, boris, _clara = (b.client() for _ in range(3))
    scenario = b.live(_draft(ManualTrigger), timezone.now())
    assert "textarea" in boss.get(_url(scenario, "start")).content.decode()
    answer = boss.post(_url(scenario, "start"), {"clients": f"{anna.email}\n\n {boris.phone} "}, follow=True)
    assert "entered: 2, did not enter: 0" in answer.content.decode()
    assert set(ScenarioRun.objects.values_list("client", flat=True)) == {anna.pk, boris.pk}


def test_a_segment_enters(boss):
    fans, anna = b.segment(), b.client()
    membership.add(fans.pk, {anna.pk: 0}, timezone.now())
    scenario = b.live(_draft(ManualTrigger), timezone.now())
    boss.post(_url(scenario, "start"), {"segment": fans.pk})
    assert ScenarioRun.objects.get().client == anna


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({}, "Choose a segment"),
        ({"clients": "nobody@example.com"}, "is no client"),
        ({"segment": "999999"}, "no such segment"),
    ],
)
def test_what_is_not_understood_lets_nobody_in(boss, posted, words):
    b.client()
    scenario = b.live(_draft(ManualTrigger), timezone.now())
    answer = boss.post(_url(scenario, "start"), posted, follow=True)
    assert words in answer.content.decode()
    assert not ScenarioRun.objects.exists()


@pytest.mark.parametrize(("posted", "entered"), [({}, 0), ({"matching": "1"}, 2)])
def test_activation_asks_about_those_who_match_now(boss, posted, entered):
    fans, now = b.segment(), timezone.now()
    membership.add(fans.pk, {person.pk: 0 for person in b.clients(2, consent=False)}, now)
    scenario = _draft(SegmentTrigger, segment=fans)
    assert "Also 2 clients who match now" in boss.get(_url(scenario, "publish")).content.decode()
    boss.post(_url(scenario, "publish"), posted)
    scan_due(timezone.now() + timedelta(seconds=1))
    assert ScenarioRun.objects.count() == entered
