"""The page that describes the API, in a real browser under the content policy."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_operation_can_be_read(page: Page):
    page.goto("/api/docs/")
    expect(page.get_by_text("/api/v1/bonuses/holds/{id}/capture/").first).to_be_visible()
    page.get_by_text("/api/v1/orders/quote/").first.click()
    expect(
        page.get_by_text("How many bonuses an order would earn and how many may be spent on it.").first
    ).to_be_visible()
