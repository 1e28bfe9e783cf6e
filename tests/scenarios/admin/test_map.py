"""The map's view and the forms behind it: who may, what is refused, what the history says."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse

from scenarios.models import Branch, EventTrigger, Fork, Scenario, Step, Wait
from scenarios.services import tree
from segments.models import Condition, EventCountCondition, Group

pytestmark = pytest.mark.django_db

# What the form of a wait posts: every field, also those that its mode hides.
WAIT = {
    "mode": "length", "amount": 1, "unit": "days", "days": 1, "counted_from": "now", "at": "10:00", "date_of": "given",
    "shift": "on", "shift_days": 0, "when_past": "continue",
}  # fmt: skip


@pytest.fixture
def scenario() -> Scenario:
    return tree.create(Scenario(name="Cart"))


@pytest.fixture
def trunk(scenario: Scenario) -> Branch:
    return Branch.objects.get(scenario=scenario)


def staff(*permissions: str) -> Browser:
    """A browser of a staff member who has these permissions only."""
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser(raise_request_exception=True)
    browser.force_login(user)
    return browser


@pytest.fixture
def editor() -> Browser:
    return staff("view_scenario", "change_scenario")


def map_url(scenario: Scenario) -> str:
    return reverse("admin:scenarios_scenario_map", args=[scenario.pk])


def notes(scenario: Scenario) -> list[str]:
    entries = LogEntry.objects.filter(content_type__model="scenario", object_id=str(scenario.pk))
    return list(entries.order_by("pk").values_list("change_message", flat=True))


def test_step_is_added_by_its_own_form(editor, scenario, trunk):
    url = reverse("admin:scenarios_wait_add") + f"?_popup=1&branch={trunk.pk}&position=0"
    answer = editor.post(url, WAIT | {"amount": 2, "_popup": 1})
    assert "segments/drawer_saved.js" in answer.content.decode()
    assert Wait.objects.get().branch == trunk
    assert notes(scenario) == ["Added a step: «Wait 2 days»"]


@pytest.mark.parametrize("query", ["", "branch=", "branch=x", "branch=999", "branch=-1", "branch=9999999999999999999"])
def test_step_without_a_place_is_not_found(editor, scenario, query):
    answer = editor.post(reverse("admin:scenarios_wait_add") + f"?_popup=1&{query}", {"amount": 2, "unit": "days"})
    assert answer.status_code == 404
    assert not Step.objects.exists()


def test_changed_step_is_in_the_history_before_and_after(editor, scenario, trunk):
    step = tree.insert(Wait(amount=1), trunk)
    url = reverse("admin:scenarios_wait_change", args=[step.pk]) + "?_popup=1"
    editor.post(url, WAIT | {"amount": 3, "unit": "hours", "_popup": 1})
    assert notes(scenario) == ["«Wait 1 day» → «Wait 3 hours»"]


def test_trigger_is_added_with_a_custom_event(editor, scenario):
    url = reverse("admin:scenarios_eventtrigger_add") + f"?_popup=1&scenario={scenario.pk}"
    editor.post(url, {"event_name": "game.won", "delay": 0, "delay_unit": "hours", "_popup": 1})
    trigger = EventTrigger.objects.get()
    assert (trigger.event_name, trigger.scenario) == ("game.won", scenario)
    change = reverse("admin:scenarios_eventtrigger_change", args=[trigger.pk])
    assert 'value="game.won" selected' in editor.get(change).content.decode()


VALUES = {"event_name": "order.paid", "bound": "at_least", "count": 2, "days": "", "_popup": 1}


def test_conditions_of_a_branch(editor, scenario, trunk):
    fork = tree.insert(Fork(), trunk)
    branch = Branch.objects.get(fork=fork, is_default=False)
    add = reverse("admin:segments_eventcountcondition_add") + f"?_popup=1&owner=branch:{branch.pk}"
    assert "segments/drawer_saved.js" in editor.post(add, VALUES).content.decode()
    branch_url = reverse("admin:scenarios_branch_change", args=[branch.pk]) + "?_popup=1"
    assert "«Order paid» at least 2 times" in editor.get(branch_url).content.decode()

    editor.post(branch_url, {"label": "Buyers", "_popup": 1})
    rule = reverse("admin:segments_rule", args=["branch", branch.pk])
    assert editor.post(rule, {"verb": "mode", "mode": "none"}).status_code == 200
    branch.refresh_from_db()
    assert (branch.label, branch.conditions.mode) == ("Buyers", Group.Mode.NONE)

    condition = EventCountCondition.objects.get()
    change = reverse("admin:segments_eventcountcondition_change", args=[condition.pk]) + "?_popup=1"
    editor.post(change, VALUES | {"count": 3})
    assert "at least 3 times" in editor.get(map_url(scenario)).content.decode()
    assert "at least" not in editor.post(rule, {"verb": "delete", "id": condition.pk}).content.decode()
    assert not EventCountCondition.objects.exists()
    assert notes(scenario)[0] == "Added a condition: ««Order paid» at least 2 times»"
    assert [note.split(":")[0] for note in notes(scenario)[2:]] == [
        "The conditions hold when", "««Order paid» at least 2 times» → ««Order paid» at least 3 times»",
        "Deleted a condition",
    ]  # fmt: skip


def test_condition_of_a_new_trigger_saves_the_trigger_first(editor, scenario):
    add = reverse("admin:scenarios_eventtrigger_add") + f"?_popup=1&scenario={scenario.pk}"
    assert 'data-form="eventtrigger_form"' in editor.get(add).content.decode()
    values = {"event_name": "order.paid", "delay": 0, "delay_unit": "hours", "_popup": 1}
    answer = editor.post(add, values | {"_condition": "eventcountcondition"}, follow=True)
    trigger = EventTrigger.objects.get()
    opened = reverse("admin:segments_eventcountcondition_add") + f"?_popup=1&amp;owner=trigger:{trigger.pk}"
    assert f'data-open-first="{opened}"' in answer.content.decode()


def test_default_branch_takes_no_conditions(editor, scenario, trunk):
    fork = tree.insert(Fork(), trunk)
    default = Branch.objects.get(fork=fork, is_default=True)
    add = reverse("admin:segments_eventcountcondition_add") + f"?owner=branch:{default.pk}"
    answer = editor.post(add, {"event_name": "order.paid", "bound": "at_least", "count": 2, "days": ""}, follow=True)
    assert "everybody else" in answer.content.decode()
    assert not Condition.objects.exists()


def test_condition_that_belongs_to_nobody_is_not_found(editor):
    loose = EventCountCondition.objects.create(event_name="order.paid", parent=Group.objects.create())
    change = reverse("admin:segments_eventcountcondition_change", args=[loose.pk])
    assert editor.post(change, VALUES).status_code == 404
    for kind, pk in (("branch", 1), ("nonsense", 1), ("segment", 2**62)):
        assert editor.get(reverse("admin:segments_rule", args=[kind, pk])).status_code == 404
    for name in ("", "branch", "branch:", "branch:x", "branch:999", "nonsense:1", "branch:" + "9" * 30):
        assert editor.get(reverse("admin:segments_eventcountcondition_add") + f"?owner={name}").status_code == 404


def test_move_is_refused_into_a_descendant_and_into_another_scenario(editor, scenario, trunk):
    fork = tree.insert(Fork(), trunk)
    inner = Branch.objects.get(fork=fork, is_default=False)
    other = Branch.objects.get(scenario=tree.create(Scenario(name="Other")))
    for branch, words in ((inner, "own branches"), (other, "no such branch")):
        answer = editor.post(
            map_url(scenario), {"verb": "move-step", "id": fork.pk, "branch": branch.pk, "position": 0}
        )
        assert answer.status_code == 409
        assert words in answer.content.decode()
    assert notes(scenario) == []


@pytest.mark.parametrize(
    ("posted", "named"),
    [
        ({}, "verb"),
        ({"verb": "explode"}, "verb"),
        ({"verb": "move-step", "id": "x"}, "id"),
        ({"verb": "move-step", "id": "-1"}, "id"),
        ({"verb": "delete-step", "id": "9" * 30}, "id"),
    ],
)
def test_call_that_no_map_makes_is_400_and_names_the_field(editor, scenario, posted, named):
    answer = editor.post(map_url(scenario), posted)
    assert answer.status_code == 400
    assert answer.content.decode().startswith(named)


def test_reader_reads_and_changes_nothing(scenario, trunk):
    step = tree.insert(Wait(amount=1), trunk)
    reader = staff("view_scenario")
    assert "data-editable" not in reader.get(map_url(scenario)).content.decode()
    change = reverse("admin:scenarios_wait_change", args=[step.pk])
    assert reader.get(change).status_code == 200
    add = reverse("admin:scenarios_wait_add") + f"?branch={trunk.pk}"
    trigger = tree.add_trigger(EventTrigger(event_name="order.paid"), scenario)
    condition = tree.add_condition(trigger, EventCountCondition(event_name="order.paid"))
    rule = reverse("admin:segments_rule", args=["trigger", trigger.pk])
    assert "data-verb" not in reader.get(rule).content.decode()
    for address, values in (
        (map_url(scenario), {"verb": "delete-step", "id": step.pk}),
        (change, {"amount": 9, "unit": "days"}),
        (add, {"amount": 9, "unit": "days"}),
        (reverse("admin:scenarios_scenario_verb", args=[scenario.pk, "archive"]), {}),
        (rule, {"verb": "delete", "id": condition.pk}),
        (reverse("admin:segments_eventcountcondition_change", args=[condition.pk]), VALUES),
        (reverse("admin:segments_eventcountcondition_add") + f"?owner=trigger:{trigger.pk}", VALUES),
    ):
        assert reader.post(address, values).status_code == 403
    assert list(Wait.objects.values_list("amount", flat=True)) == [1]
    scenario.refresh_from_db()
    assert scenario.status == Scenario.Status.DRAFT


def test_staff_without_any_permission_see_no_map(scenario):
    assert staff().get(map_url(scenario)).status_code == 403


def test_archived_scenario_is_shown_and_not_edited(editor, scenario, trunk):
    step = tree.insert(Wait(amount=1), trunk)
    Scenario.objects.update(status=Scenario.Status.ARCHIVED)
    assert "data-editable" not in editor.get(map_url(scenario)).content.decode()
    answer = editor.post(map_url(scenario), {"verb": "delete-step", "id": step.pk})
    assert (answer.status_code, "restore it first" in answer.content.decode()) == (409, True)
    add = reverse("admin:scenarios_wait_add") + f"?branch={trunk.pk}"
    assert editor.post(add, {"amount": 9, "unit": "days"}).status_code == 403


def test_edit_needs_the_csrf_token(scenario, trunk):
    step = tree.insert(Wait(amount=1), trunk)
    User.objects.create_superuser("boss")
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="boss"))
    assert browser.post(map_url(scenario), {"verb": "delete-step", "id": step.pk}).status_code == 403
    assert Step.objects.exists()


def test_verbs_are_asked_by_get_and_done_by_post(admin_client, scenario, trunk):
    tree.insert(Wait(amount=1), trunk)
    tree.add_trigger(EventTrigger(event_name="order.paid"), scenario)
    for name, says, status in (
        ("publish", "becomes active", "active"),
        ("pause", "Nobody enters", "paused"),
        ("resume", "sent again", "active"),
        ("archive", "hidden in the archive", "archived"),
        ("restore", "comes back paused", "paused"),
    ):
        url = reverse("admin:scenarios_scenario_verb", args=[scenario.pk, name])
        before = scenario.status
        assert says in admin_client.get(url).content.decode()
        scenario.refresh_from_db()
        assert scenario.status == before
        admin_client.post(url)
        scenario.refresh_from_db()
        assert scenario.status == status
    expected = [
        "Published as release 1",
        "Paused",
        "Resumed",
        "Archived; clients stopped: 0",
        "Restored from the archive",
    ]
    assert notes(scenario) == expected


def test_verb_in_a_wrong_state_says_so(admin_client, scenario):
    answer = admin_client.post(reverse("admin:scenarios_scenario_verb", args=[scenario.pk, "resume"]), follow=True)
    assert "«Cart» is draft now." in answer.content.decode()


def test_draft_with_problems_is_not_published(admin_client, scenario):
    url = reverse("admin:scenarios_scenario_verb", args=[scenario.pk, "publish"])
    assert "has no trigger" in admin_client.get(url).content.decode()
    assert "has no trigger" in admin_client.post(url, follow=True).content.decode()
    scenario.refresh_from_db()
    assert (scenario.status, scenario.live_release) == ("draft", None)


def test_verb_leads_back_to_this_site_only(admin_client, scenario):
    url = reverse("admin:scenarios_scenario_verb", args=[scenario.pk, "archive"])
    answer = admin_client.post(url, {"next": "https://evil.example/"})
    assert answer["Location"] == reverse("admin:scenarios_scenario_change", args=[scenario.pk])


def test_tabs_of_the_list(admin_client):
    for status in Scenario.Status:
        tree.create(Scenario(name=f"The {status} one", status=status))
    url = reverse("admin:scenarios_scenario_changelist")
    for query, shown in (
        ("", {"active", "paused"}),
        ("?tab=active", {"active", "paused"}),
        ("?tab=drafts", {"draft"}),
        ("?tab=archive", {"archived"}),
        ("?tab=nonsense", {"active", "paused"}),
    ):
        page = admin_client.get(url + query).content.decode()
        assert {status for status in Scenario.Status if f"The {status} one" in page} == shown


def test_settings_are_saved_with_events_by_name(admin_client, scenario):
    url = reverse("admin:scenarios_scenario_change", args=[scenario.pk])
    values = {
        "name": "Cart 2", "description": "", "priority": 5, "reentry": "interval", "reentry_days": "",
        "exit_events": ["order.paid", "game.won"], "overdue_hours": 24, "holdout_share": 0, "starts_at_0": "",
        "starts_at_1": "", "ends_at_0": "", "ends_at_1": "", "entry_cap": "",
    }  # fmt: skip
    assert "Give the number of days between entries." in admin_client.post(url, values).content.decode()
    admin_client.post(url, values | {"reentry_days": 30})
    scenario.refresh_from_db()
    assert (scenario.name, scenario.exit_events) == ("Cart 2", ["order.paid", "game.won"])
    assert notes(scenario)[-1].startswith("Settings changed: Name")
