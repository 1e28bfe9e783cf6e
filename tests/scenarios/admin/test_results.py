"""The page of a scenario's results."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import Uplift
from scenarios.services import daily
from tests import builders as b

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft():
    made, shop, now = b.scenario({"event_name": "cart.updated"}), b.source(), timezone.now()
    b.email(b.trunk(made), subject="Come back")
    b.accrue(b.trunk(made), amount=70)
    b.live(made, now)
    for person in b.clients(3):
        b.record_event(shop, "cart.updated", person, now)
    read_events(now)
    advance_due(now)
    outbox.send_due(now)
    b.order(shop, person, now + timedelta(minutes=1), total=1500_00)
    daily.count_recent(now)
    return made


def _page(client, draft, query=""):
    return client.get(reverse("admin:scenarios_scenario_results", args=[draft.pk]) + query).content.decode()


def test_the_page_shows_the_figures_with_how_they_are_counted(admin_client, draft):
    page = _page(admin_client, draft)

    assert "<b>3</b><span>Entered</span>" in page
    assert "1,500.00 RUB" in page
    assert "net revenue / delivered messages" in page
    assert "(margin − redeemed cost − sending cost) / (redeemed cost + sending cost)" in page
    assert "Nobody was held out long enough ago." in page
    assert reverse("admin:scenarios_scenario_results", args=[draft.pk]) in admin_client.get(
        reverse("admin:scenarios_scenario_change", args=[draft.pk])
    ).content.decode()  # fmt: skip


def test_the_period_is_chosen_and_a_bad_one_is_told(admin_client, draft):
    assert "<b>0</b><span>Entered</span>" in _page(admin_client, draft, "?first=2020-01-01&last=2020-01-31")
    assert "must end after it begins" in _page(admin_client, draft, "?first=2020-02-01&last=2020-01-31")
    assert "At most two years" in _page(admin_client, draft, "?first=2010-01-01&last=2020-01-31")
    assert "Enter a valid date" in _page(admin_client, draft, "?first=yesterday")


def test_uplift_is_a_sentence_that_says_when_there_is_no_evidence(admin_client, draft):
    now = timezone.now()
    kept = Uplift.objects.create(
        scenario=draft, entered_from=now - timedelta(days=30), entered_until=now, counted_at=now,
        clients=[70, 80], converted=[56, 48], revenue=[5600_00, 4800_00], revenue_low=500.0, revenue_high=3500.0,
    )  # fmt: skip
    page = _page(admin_client, draft)
    assert "Uplift: 20.0 % (95 % interval 5.2 % … 33.4 %)." in page
    assert "Revenue per client: 20.00 RUB (95 % interval 5.00 RUB … 35.00 RUB) more." in page
    assert "No evidence yet" not in page

    kept.clients, kept.converted = [10, 10], [6, 4]
    kept.save()

    page = _page(admin_client, draft)
    assert "No evidence yet." in page
    assert "about 100 clients in each group" in page


def test_who_may_not_see_scenarios_sees_no_results(client, draft):
    client.force_login(User.objects.create_user("clerk", is_staff=True))

    answer = client.get(reverse("admin:scenarios_scenario_results", args=[draft.pk]))

    assert answer.status_code == 403
