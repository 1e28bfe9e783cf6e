"""The page of results in a real browser: bars and figures, no error in the console."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from scenarios.models import Scenario, ScenarioDay, Uplift
from scenarios.services import days
from tests import builders as b
from tests.browser.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scenario(transactional_db: None) -> Scenario:
    """A month of a scenario whose control group shows something."""
    draft, now = (
        b.scenario({"event_name": "cart.updated"}, name="Abandoned cart", goal_event="order.paid"),
        timezone.now(),
    )
    trunk = b.trunk(draft)
    steps = [b.wait(trunk, 1), b.email(trunk, subject="Your cart waits"), b.accrue(trunk, 300)]
    b.live(draft, now)
    for ago in range(30):
        came = 40 + ago * 7 % 31
        figures = [("", "entered", "", came, came), ("", "entered", "scenario", 6, 6), ("", "goal", "", came // 5, 0),
                   ("", "completed", "", came // 2, 0), ("", "exited", "exit_event", came // 8, 0),
                   ("", "sent", "email", came, came), ("", "delivered", "email", came - 1, 0),
                   ("", "opened", "email", came // 2, 0), ("", "clicked", "email", came // 6, 0),
                   ("", "withheld", "no_consent", 2, 0), ("", "bonuses", "accrue", came, came * 300),
                   ("", "bonuses", "spend", 9, -came * 90), ("", "bonuses", "burn", 3, -came * 10)]  # fmt: skip
        figures += [(step.key, "reached", "", came - 5 * at, 0) for at, step in enumerate(steps)]
        figures += [(step.key, "proceeded", "", came - 5 * at - 5, 0) for at, step in enumerate(steps)]
        day = days.of(now) - timedelta(days=ago)
        ScenarioDay.objects.bulk_create(
            ScenarioDay(scenario=draft, day=day, step_key=key, figure=name, detail=of, count=count, amount=amount)
            for key, name, of, count, amount in figures
        )
    Uplift.objects.create(
        scenario=draft, entered_from=now - timedelta(days=30), entered_until=now, counted_at=now,
        clients=[1650, 180], converted=[330, 25], revenue=[990_000_00, 75_000_00],
        revenue_low=50_00, revenue_high=300_00,
    )  # fmt: skip
    return draft


def test_the_page_of_results_is_drawn(page: Page, boss: object, scenario: Scenario) -> None:
    sign_in(page, "boss")
    page.goto(f"/admin/scenarios/scenario/{scenario.pk}/change/")
    page.get_by_role("link", name="Results").click()

    expect(page.locator(".bars").first.locator("rect")).to_have_count(30)
    expect(page.locator(".uplift")).to_contain_text("Uplift: 6.1 %")
    expect(page.locator(".funnel-bar").first).to_be_visible()
    first = page.locator("[name=first]")
    first.fill(str(days.of(timezone.now())))
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".bars").first.locator("rect")).to_have_count(1)
