"""The form of every type of trigger: it opens, saves what it shows, and refuses with a word at the field."""

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse

from scenarios.models import TRIGGER_TYPES, EventTrigger, MessageTrigger, Scenario, ScheduleTrigger, Trigger
from scenarios.services import tree
from tests import builders as b

pytestmark = pytest.mark.django_db

# What the marketer fills in where the form does not offer it already.
FILLED = {
    "EventTrigger": {"event_name": "order.paid"},
    "PurchaseTrigger": {"value": "Tea"},
    "ScheduleTrigger": {"starts_on": "2026-03-10"},
    "SegmentTrigger": {"segment": "1"},
    "ProductNewsTrigger": {"interests": ["viewed"]},
}


@pytest.fixture
def editor():
    User.objects.create_superuser("boss")
    browser = Browser(raise_request_exception=True)
    browser.force_login(User.objects.get())
    return browser


@pytest.fixture
def scenario() -> Scenario:
    return tree.create(Scenario(name="Cart"))


def _url(kind, scenario):
    return reverse(f"admin:scenarios_{kind._meta.model_name}_add") + f"?_popup=1&scenario={scenario.pk}"


def _posted(page, **values):
    """What a browser would post: the form as it is shown, with some values filled in."""
    form = page.context["adminform"].form
    data = {}
    for name in form.fields:
        value = form[name].value()
        if isinstance(value, bool):
            data |= {name: "on"} if value else {}
        elif value is not None and value != []:
            data[name] = value
    return data | {"_popup": 1} | values


@pytest.mark.parametrize("kind", TRIGGER_TYPES, ids=lambda kind: kind.__name__)
def test_a_trigger_is_added_and_opened_again(editor, scenario, kind):
    segment = b.segment()
    filled = FILLED.get(kind.__name__, {})
    filled |= {"segment": segment.pk} if "segment" in filled else {}
    page = editor.get(_url(kind, scenario))
    assert page.status_code == 200
    answer = editor.post(_url(kind, scenario), _posted(page, **filled))
    assert "popup_response_data" in answer.context, answer.context["adminform"].form.errors
    trigger = Trigger.objects.get()
    assert type(trigger) is kind
    assert trigger.sentence()
    assert trigger.problems() == []
    change = reverse(f"admin:scenarios_{kind._meta.model_name}_change", args=[trigger.pk]) + "?_popup=1"
    page = editor.get(change)
    assert page.status_code == 200
    editor.post(change, _posted(page))
    assert Trigger.objects.get().sentence() == trigger.sentence()


def test_filters_are_rows_and_empty_rows_are_left_out(editor, scenario):
    rows = {
        "filters-name": ["total", "", "coupons"],
        "filters-operator": ["greater", "equals", "empty"],
        "filters-value": ["1000", "", ""],
    }
    editor.post(_url(EventTrigger, scenario), {"event_name": "order.paid", "delay": 0, "delay_unit": "hours"} | rows)
    trigger = EventTrigger.objects.get()
    assert trigger.filters == [
        {"name": "total", "operator": "greater", "value": "1000"},
        {"name": "coupons", "operator": "empty", "value": ""},
    ]
    change = reverse("admin:scenarios_eventtrigger_change", args=[trigger.pk])
    assert 'value="coupons"' in editor.get(change).content.decode()


def test_a_filter_without_a_number_is_refused_at_its_field(editor, scenario):
    rows = {"filters-name": ["total"], "filters-operator": ["greater"], "filters-value": ["many"]}
    values = {"event_name": "order.paid", "delay": 0, "delay_unit": "hours"}
    answer = editor.post(_url(EventTrigger, scenario), values | rows)
    assert answer.context["adminform"].form.errors["filters"] == ["total: give a number."]
    assert 'value="many"' in answer.content.decode()


def test_a_schedule_shows_its_next_five_dates(editor, scenario):
    trigger = ScheduleTrigger.objects.create(scenario=scenario, starts_on="2026-03-10", repeat="daily")
    page = editor.get(reverse("admin:scenarios_scheduletrigger_change", args=[trigger.pk]))
    assert page.content.decode().count(", 11:00</div>") == 5


def test_a_message_is_chosen_by_its_words_and_has_to_be_of_the_scenario(editor, scenario):
    first, second = b.scenario(name="Welcome"), b.scenario(name="Other")
    step = b.email(b.trunk(first), subject="How are you?")
    page = editor.get(_url(MessageTrigger, scenario))
    assert "How are you?" in page.content.decode()

    refused = editor.post(_url(MessageTrigger, scenario), _posted(page, of_scenario=second.pk, of_step=step.key))
    assert refused.context["adminform"].form.errors.keys() == {"of_step"}

    editor.post(_url(MessageTrigger, scenario), _posted(page, of_scenario=first.pk, of_step=step.key))
    trigger = MessageTrigger.objects.get()
    assert (trigger.of_scenario, trigger.of_step) == (first, step.key)
    step.delete()
    opened = editor.get(reverse("admin:scenarios_messagetrigger_change", args=[trigger.pk]) + "?_popup=1")
    assert f"a removed one: {step.key}" in opened.content.decode()
