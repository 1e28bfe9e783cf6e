"""The RFM map in a real browser: from a cell to its clients and on to one of them, wide and narrow."""

from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from segments.models import RfmSettings
from segments.services import rfm
from tests.builders import NOW
from tests.segments.rfm_shop import base

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_a_cell_to_its_clients_and_to_one_of_them(staff: Page):
    base()
    rfm.keep(NOW, RfmSettings(), NOW, ZoneInfo("Europe/Moscow"))
    staff.get_by_role("link", name="RFM").click()
    expect(staff.get_by_role("heading", name="Map")).to_be_visible()
    staff.locator(".rfm-map a", has_text="Champions").click()
    rows = staff.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("5 5 5")
    rows.get_by_role("link").click()
    expect(staff.locator("section", has=staff.get_by_role("heading", name="RFM"))).to_contain_text("Champions")


def test_the_page_fits_a_telephone(staff: Page):
    base()
    rfm.keep(NOW, RfmSettings(), NOW, ZoneInfo("Europe/Moscow"))
    staff.set_viewport_size({"width": 390, "height": 800})
    staff.goto("/admin/segments/rfmsnapshot/")
    expect(staff.locator(".rfm-map")).to_be_visible()
    assert staff.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    edges = staff.locator(".rfm-map").evaluate("table => table.getBoundingClientRect().right - window.innerWidth")
    assert edges <= 0
