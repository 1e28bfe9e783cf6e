"""The page of a segment in a real browser: its rule as a tree, what it finds, why, and applying it."""

from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import FrameLocator, Locator, Page, expect

from segments.models import Membership, Segment
from segments.services import dynamic
from tests import builders as b

pytestmark = pytest.mark.django_db(transaction=True)


def drawer(page: Page) -> FrameLocator:
    expect(page.locator("#drawer")).to_be_visible()
    return page.frame_locator("#drawer iframe")


def add_condition(page: Page, group: Locator, name: str, value: str) -> None:
    """Adds to a group, by its own button: a field of the profile equals a value."""
    group.locator("> .rule-add").get_by_role("button", name="Condition").click()
    page.locator("#rule-menu").get_by_role("button", name="Client's attribute").click()
    frame = drawer(page)
    frame.locator(".select2-selection").first.click()
    frame.get_by_role("option", name=name, exact=True).click()
    frame.get_by_label("Comparison").select_option("equals")
    frame.get_by_label("Value").fill(value)
    frame.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#drawer")).to_be_hidden()


def test_nested_rule_is_built_looked_at_explained_and_applied(staff: Page):
    page = staff
    for first, last in (("Anna", "Kern"), ("Anna", "Snow"), ("Boris", "Kern")):
        b.client(first_name=first, last_name=last)

    page.goto("/admin/segments/segment/add/")
    page.get_by_label("Name").fill("Kerns and Snows")
    page.get_by_label("Name").press("Tab")
    page.get_by_label("dynamic: filled by a rule").check()
    page.get_by_role("button", name="Save", exact=True).click()
    count = page.locator(".preview-count")
    expect(count).to_contain_text("3")
    expect(page.locator(".rule-pending")).to_contain_text("say below who is in it")

    outermost = page.locator("#rule > .rule-group")
    add_condition(page, outermost, "First name", "Anna")
    expect(count).to_contain_text("2")
    outermost.locator("> .rule-add").get_by_role("button", name="Group").click()
    inner = outermost.locator(".rule-group")
    expect(inner).to_have_count(1)
    add_condition(page, inner, "Last name", "Kern")
    expect(count).to_contain_text("1")
    add_condition(page, inner, "Last name", "Snow")
    expect(count).to_contain_text("2")
    expect(page.locator(".preview-sample li")).to_have_count(2)

    page.get_by_label("Why is a client in or not?").fill("Boris")
    page.get_by_role("button", name="Explain").click()
    answer = page.locator(".preview-answer")
    expect(answer).to_contain_text("Boris Kern: not in")
    expect(answer.locator(".why .is-out", has_text="First name equals «Anna»").last).to_contain_text("«Boris»")
    expect(answer.locator(".why .is-in", has_text="Last name equals «Kern»").last).to_be_visible()

    # The keyboard moves a condition out of its group and stays on it; the answer follows the rule.
    up = inner.locator(".rule-line").first.get_by_role("button", name="Move up")
    up.press("Enter")
    expect(outermost.locator("> ul > .rule-node > .rule-line")).to_have_count(2)
    expect(page.locator("[data-verb=up]:focus")).to_have_count(1)
    expect(count).to_contain_text("0")
    inner.get_by_label("The conditions hold when").select_option("none")
    expect(count).to_contain_text("1")

    page.get_by_role("link", name="Apply").click()
    dialog = page.locator("#verb")
    expect(dialog).to_contain_text("1 client would enter")
    dialog.get_by_role("button", name="Apply").click()
    expect(page.locator(".rule-pending")).to_have_count(0)
    dynamic.refresh(timezone.now())
    assert [row.client.last_name for row in Membership.objects.all()] == ["Kern"]
    page.reload()
    expect(page.locator(".segment-state")).to_contain_text("1 client as of")


def test_file_is_looked_at_and_imported(staff: Page, tmp_path: Path):
    segment = Segment.objects.create(name="VIP", slug="vip", colour="#d97706")
    people = [b.client() for _ in range(2)]
    file = tmp_path / "list.csv"
    file.write_text("\n".join(["Телефон", *(person.phone for person in people), "12"]))
    staff.goto(f"/admin/segments/segment/{segment.pk}/change/")
    staff.get_by_role("link", name="Add from a file").click()
    staff.locator("input[type=file]").set_input_files(file)
    staff.get_by_role("button", name="Look at the file").click()
    expect(staff.locator(".import-figures .is-in")).to_contain_text("2")
    expect(staff.locator(".import-refused")).to_contain_text("no client has it")
    assert not Membership.objects.exists()
    staff.get_by_role("button", name="Add 2 clients").click()
    expect(staff.locator("body")).to_contain_text("2 clients added from «list.csv»")
    assert Membership.objects.filter(segment=segment).count() == 2
    with staff.expect_download() as download:
        staff.get_by_role("link", name="CSV").click()
    assert people[0].phone in download.value.path().read_text("utf-8-sig")


def test_deleting_asks_and_discarding_takes_back(staff: Page):
    segment = Segment.objects.create(name="Annas", slug="annas", kind="dynamic")
    b.client(first_name="Anna")
    staff.goto(f"/admin/segments/segment/{segment.pk}/change/")
    add_condition(staff, staff.locator("#rule > .rule-group"), "First name", "Anna")
    line = staff.locator(".rule-line")
    line.hover()
    line.get_by_role("button", name="Delete").click()
    expect(staff.locator("#ask")).to_contain_text("Delete the condition «first name equals «Anna»»?")
    staff.locator("#ask").get_by_role("button", name="Cancel").click()
    expect(line).to_have_count(1)
    line.get_by_role("button", name="Delete").click()
    staff.locator("#ask").get_by_role("button", name="Delete").click()
    expect(line).to_have_count(0)
    staff.get_by_role("link", name="Discard").click()
    staff.locator("#verb").get_by_role("button", name="Discard").click()
    expect(staff.locator(".rule-pending")).to_contain_text("say below")
