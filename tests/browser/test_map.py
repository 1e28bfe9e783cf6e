"""The scenario map in a real browser: every deed of an editor, from an empty scenario to the archive."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from playwright.sync_api import FrameLocator, Locator, Page, expect

from scenarios.models import AccrueBonuses, Branch, EventTrigger, Fork, Scenario, Step, Wait
from scenarios.services import tree
from segments.models import Segment
from tests.browser.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scenario(transactional_db: None) -> Scenario:
    """A draft with a trigger, two waits and a fork with an accrual in its first branch."""
    scenario = tree.create(Scenario(name="Welcome"))
    trunk = Branch.objects.get(scenario=scenario)
    trigger = tree.add_trigger(EventTrigger(event_name="customer.registered"), scenario)
    assert trigger.pk
    for amount in (1, 2):
        tree.insert(Wait(amount=amount), trunk)
    fork = tree.insert(Fork(label="New?"), trunk)
    tree.insert(AccrueBonuses(amount=300), Branch.objects.get(fork=fork, is_default=False))
    return scenario


def open_map(page: Page, scenario: Scenario) -> Locator:
    page.goto(f"/admin/scenarios/scenario/{scenario.pk}/change/")
    return page.locator("#map")


def drawer(page: Page) -> FrameLocator:
    expect(page.locator("#drawer")).to_be_visible()
    return page.frame_locator("#drawer iframe")


def save(page: Page) -> None:
    drawer(page).get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#drawer")).to_be_hidden()


def card(page: Page, words: str) -> Locator:
    return page.locator(".card").filter(has_text=words)


def choose_type(page: Page, plus: Locator, label: str) -> None:
    plus.click()
    page.locator(".menu:popover-open").get_by_role("button", name=label, exact=True).click()


def plus(page: Page, branch: Branch, position: int) -> Locator:
    """The "+" at a place of a branch."""
    return page.locator(f".plus button[data-query='branch={branch.pk}&position={position}']")


def drag(page: Page, what: Locator, to: Locator) -> None:
    """As a hand does it, with the pointer travelling."""
    start, end = what.bounding_box(), to.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(start["x"] + start["width"] / 2 + 10, start["y"] + 40, steps=4)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2 + 6, steps=20)
    page.mouse.up()


def ask(page: Page, question: str, answer: str) -> None:
    dialog = page.locator("#ask")
    expect(dialog).to_contain_text(question)
    dialog.get_by_role("button", name=answer).click()


def test_scenario_is_built_from_nothing_and_published(staff: Page):
    page = staff
    page.goto("/admin/scenarios/scenario/?tab=drafts")
    page.locator(".addlink").click()
    page.get_by_label("Name").fill("Abandoned cart")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#map")).to_contain_text("The scenario has no trigger")

    choose_type(page, page.locator(".start-add"), "Event")
    frame = drawer(page)
    frame.locator(".select2-selection").first.click()
    frame.locator(".select2-search__field").fill("registered")
    frame.get_by_role("option", name="Client registered").click()
    save(page)
    expect(card(page, "At once on «Client registered»")).to_be_visible()

    choose_type(page, page.locator(".plus button").first, "Send message")
    frame = drawer(page)
    frame.locator("#id_subject").fill("Welcome, ")
    frame.get_by_role("button", name="First name").first.click()
    frame.locator("#id_body").fill("Hello!")
    save(page)
    expect(card(page, "e-mail: Welcome, ‹First name›")).to_be_visible()

    choose_type(page, page.locator(".plus button").last, "Wait")
    drawer(page).get_by_label("How long").fill("3")
    save(page)
    expect(card(page, "Wait 3 days")).to_be_visible()
    expect(page.locator("#map")).not_to_contain_text("Not ready")

    page.get_by_role("link", name="Publish").click()
    expect(page.locator("#verb")).to_contain_text("becomes active")
    page.locator("#verb").get_by_role("button", name="Publish").click()
    expect(page.locator(".map-status")).to_have_text("active")
    expect(page.locator(".map-release")).to_contain_text("Release 1")
    scenario = Scenario.objects.get()
    assert scenario.status == "active"
    assert scenario.live_release is not None


def test_step_is_edited_and_the_map_refreshes_in_place(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    staff.evaluate("window.untouched = true")
    card(staff, "Wait 1 day").locator(".card-open").click()
    drawer(staff).get_by_label("How long").fill("5")
    drawer(staff).get_by_label("Unit").select_option("hours")
    save(staff)
    expect(card(staff, "Wait 5 hours")).to_be_visible()
    assert staff.evaluate("window.untouched")
    assert LogEntry.objects.filter(object_id=str(scenario.pk), change_message="«Wait 1 day» → «Wait 5 hours»").exists()


def test_form_with_a_mistake_stays_open(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    card(staff, "Accrue 300").locator(".card-open").click()
    drawer(staff).get_by_label("Bonuses").fill("0")
    drawer(staff).get_by_role("button", name="Save", exact=True).click()
    expect(drawer(staff).locator(".errorlist").first).to_contain_text("greater than or equal to")
    staff.keyboard.press("Escape")
    assert AccrueBonuses.objects.get().amount == 300


def test_fork_is_added_with_its_branches_and_conditions(staff: Page, scenario: Scenario):
    Segment.objects.create(name="Gold", slug="gold", colour="#ffaa00")
    open_map(staff, scenario)
    head = staff.locator(".way-head").first
    expect(head).to_contain_text("Everybody")
    head.locator(".way-open").click()
    frame = drawer(staff)
    frame.locator(".rule-add").get_by_role("button", name="Condition").click()
    frame.get_by_role("button", name="Segment membership").click()
    inner = frame.frame_locator("#drawer iframe")
    inner.get_by_label("Segment").select_option(label="● Gold")
    inner.get_by_role("button", name="Save", exact=True).click()
    expect(frame.locator(".rule-line")).to_contain_text("In segment «Gold»")
    with staff.expect_response("**/rules/**"):
        frame.get_by_label("The conditions hold when").select_option("none")
    save(staff)
    expect(staff.locator(".way-head").first).to_contain_text("none of: in segment «Gold»", ignore_case=True)

    staff.locator(".card.is-fork .card-branch").click()
    expect(staff.locator(".way")).to_have_count(3)


def test_new_trigger_gets_conditions_in_place(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    choose_type(staff, staff.locator(".start-add"), "Event")
    frame = drawer(staff)
    frame.locator(".select2-selection").first.click()
    frame.locator(".select2-search__field").fill("order paid")
    frame.get_by_role("option", name="Order paid").click()
    frame.locator(".rule-add").get_by_role("button", name="Condition").click()
    frame.get_by_label("Find a condition").fill("attrib")
    frame.get_by_label("Find a condition").press("Enter")
    inner = frame.frame_locator("#drawer iframe")
    inner.locator(".select2-selection").first.click()
    inner.get_by_role("option", name="Gender").click()
    inner.get_by_label("Comparison").select_option("filled")
    inner.get_by_role("button", name="Save", exact=True).click()
    expect(frame.locator(".rule-line")).to_contain_text("Gender is filled in")

    # A typed word outlives a change of the conditions; Escape closes one drawer at a time.
    frame.locator(".rule-open").click()
    expect(inner.get_by_label("Comparison")).to_have_value("filled")
    inner.get_by_label("Comparison").press("Escape")
    expect(frame.locator("#drawer")).to_be_hidden()
    frame.locator(".rule-open").press("Escape")
    expect(staff.locator("#drawer")).to_be_hidden()
    expect(card(staff, "At once on «Order paid»")).to_contain_text("if gender is filled in")


def test_step_is_dragged_into_a_branch_and_back(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    branch = Branch.objects.get(fork__isnull=False, is_default=False)
    drag(staff, card(staff, "Wait 1 day"), plus(staff, branch, 1))
    expect(staff.locator(f".steps[data-branch='{branch.pk}'] .card")).to_have_count(2)
    assert Step.objects.get(wait__amount=1).branch == branch
    assert LogEntry.objects.filter(change_message__startswith="Moved the step «Wait 1 day»").exists()

    trunk = Branch.objects.get(fork=None)
    drag(staff, card(staff, "Wait 1 day"), plus(staff, trunk, 0))
    expect(staff.locator(f".steps[data-branch='{branch.pk}'] .card")).to_have_count(1)
    assert Step.objects.get(wait__amount=1).branch == trunk


def test_step_is_dragged_into_an_empty_branch(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    default = Branch.objects.get(is_default=True)
    drag(staff, card(staff, "Wait 2 days"), plus(staff, default, 0))
    expect(staff.locator(f".steps[data-branch='{default.pk}'] .card")).to_contain_text("Wait 2 days")
    assert Step.objects.get(wait__amount=2).branch == default


def test_step_is_dragged_down_its_own_branch(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    trunk = Branch.objects.get(fork=None)
    drag(staff, card(staff, "Wait 1 day"), plus(staff, trunk, 2))
    expect(staff.locator(f".steps[data-branch='{trunk.pk}'] > .slot").first).to_contain_text("Wait 2 days")
    assert [step.sentence() for step in Step.objects.filter(branch=trunk)] == ["Wait 2 days", "Wait 1 day", "New?"]


def test_fork_is_not_taken_by_its_own_branches(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    branch = Branch.objects.get(fork__isnull=False, is_default=False)
    drag(staff, staff.locator(".card.is-fork"), plus(staff, branch, 0))
    staff.wait_for_load_state("networkidle")
    assert Fork.objects.get().branch.fork is None
    expect(staff.locator("#toast")).to_be_hidden()


def test_deleting_asks_first(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    fork = staff.locator(".card.is-fork")
    fork.hover()
    fork.get_by_role("button", name="Delete").click()
    ask(staff, "everything below it: 2 steps in all", "Cancel")
    expect(fork).to_be_visible()
    assert Fork.objects.exists()

    fork.hover()
    fork.get_by_role("button", name="Delete").click()
    ask(staff, "Delete «New?»", "Delete")
    expect(fork).to_have_count(0)
    assert Step.objects.count() == 2

    trigger = staff.locator(".card.is-start")
    trigger.hover()
    trigger.get_by_role("button", name="Delete").click()
    ask(staff, "Delete the trigger", "Delete")
    expect(trigger).to_have_count(0)


def test_pause_archive_and_restore(staff: Page, scenario: Scenario):
    branch = Branch.objects.get(fork__isnull=False, is_default=False)
    tree.delete(branch.fork)
    open_map(staff, scenario)
    for verb, says, status in (
        ("Publish", "becomes active", "active"),
        ("Pause", "Nobody enters", "paused"),
        ("Resume", "sent again", "active"),
        ("Archive", "hidden in the archive", "archived"),
        ("Restore", "comes back paused", "paused"),
    ):
        staff.get_by_role("link", name=verb).click()
        expect(staff.locator("#verb")).to_contain_text(says)
        staff.locator("#verb").get_by_role("button", name=verb).click()
        expect(staff.locator(".map-status")).to_have_text(status)
        if status == "archived":
            expect(staff.locator(".plus button")).to_have_count(0)
            staff.goto("/admin/scenarios/scenario/?tab=archive")
            expect(staff.locator("#result_list")).to_contain_text("Welcome")
            open_map(staff, scenario)


def test_draft_that_differs_from_its_release_says_so(staff: Page, scenario: Scenario):
    tree.delete(Fork.objects.get())
    open_map(staff, scenario)
    staff.get_by_role("link", name="Publish").click()
    staff.locator("#verb").get_by_role("button", name="Publish").click()
    expect(staff.locator(".map-note.is-changed")).to_have_count(0)
    waiting = card(staff, "Wait 1 day")
    waiting.hover()
    waiting.get_by_role("button", name="Delete").click()
    ask(staff, "Delete the step", "Delete")
    expect(staff.locator(".map-note.is-changed")).to_contain_text("differs from release 1")


def test_problem_leads_to_its_card(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    staff.get_by_role("link", name="has no conditions").click()
    expect(staff.locator(".card:target")).to_contain_text("New?")
    staff.get_by_role("link", name="Publish").click()
    expect(staff.locator("#verb")).to_contain_text("has no conditions")
    expect(staff.locator("#verb").get_by_role("button", name="Publish")).to_have_count(0)


def test_segment_is_created_in_place(staff: Page, scenario: Scenario):
    open_map(staff, scenario)
    choose_type(staff, staff.locator(".plus button").first, "Add to segment")
    frame = drawer(staff)
    frame.get_by_text("more_vert").click()
    with staff.context.expect_page() as opened:
        frame.locator(".add-related").click()
    popup = opened.value
    popup.get_by_label("Name").fill("Забыли корзину")
    popup.get_by_label("Name").press("Tab")
    expect(popup.get_by_label("Slug")).to_have_value("zabyli-korzinu")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Save", exact=True).click()
    expect(frame.get_by_label("Segment").locator("option:checked")).to_contain_text("Забыли корзину")
    save(staff)
    expect(card(staff, "Add to segment «Забыли корзину»")).to_be_visible()


def test_reader_sees_the_map_and_cannot_touch_it(page: Page, scenario: Scenario):
    reader = User.objects.create_user("reader", password=PASSWORD, is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_scenario"))
    sign_in(page, "reader")
    open_map(page, scenario)
    expect(card(page, "Wait 1 day")).to_be_visible()
    for control in (".plus button", ".card-delete", ".start-add", ".map-verb[data-dialog]", ".settings-save"):
        expect(page.locator(control)).to_have_count(0)
    card(page, "Wait 1 day").locator(".card-open").click()
    expect(drawer(page).get_by_role("heading", name="Wait")).to_be_visible()
    expect(drawer(page).get_by_role("button", name="Save")).to_have_count(0)
    with page.expect_response("**/map/"):
        page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(card(page, "Accrue 300")).to_be_visible()
    drag(page, card(page, "Wait 1 day"), card(page, "Accrue 300"))
    page.wait_for_load_state("networkidle")
    assert Step.objects.get(wait__amount=1).branch.fork is None
