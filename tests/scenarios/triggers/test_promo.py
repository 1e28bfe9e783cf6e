"""Promo codes that end unused (T37)."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from loyalty.models import PromoCode, PromoIssue
from loyalty.services import promo
from scenarios.models import PromoExpiryTrigger, ScenarioRun
from tests import builders as b
from tests.scenarios.triggers.timed import entered, scan, started_by

pytestmark = pytest.mark.django_db

MOSCOW = timezone.get_default_timezone()
TEN = datetime(2026, 3, 10, 10, tzinfo=MOSCOW)
DAY = timedelta(days=1)


def _issue(pool, who, key="k", at=TEN - 5 * DAY):
    promo.issue_many(pool.pk, [(who.pk, f"{key}:{who.pk}")], at)
    return PromoIssue.objects.get(key=f"{key}:{who.pk}")


@pytest.fixture
def pool():
    return b.promo_pool(codes=10, days_after_issue=7)


def test_two_days_before_the_end(pool):
    anna = b.client()
    issue = _issue(pool, anna)
    days = (issue.expires_at.astimezone(MOSCOW).date() - TEN.date()).days
    started_by(PromoExpiryTrigger, TEN - DAY / 2, days=days, pool=pool)
    scan(TEN - timedelta(microseconds=1))
    assert entered() == []
    scan(TEN)
    assert entered() == [(anna.pk, f"promo:{issue.pk}:-{days}d")]
    assert ScenarioRun.objects.get().context["entry"]["code"] == issue.code.code


def test_a_code_that_was_used_or_blocked_or_is_of_another_pool_is_not_reminded_of(pool):
    used, blocked, other = (b.client() for _ in range(3))
    issue = _issue(pool, used)
    promo.redeem(issue.code.code, used.pk, "o-1", "r", TEN - DAY)
    PromoCode.objects.filter(pk=_issue(pool, blocked).code_id).update(blocked=True)
    _issue(b.promo_pool(codes=1, days_after_issue=7), other)
    days = (issue.expires_at.astimezone(MOSCOW).date() - TEN.date()).days
    started_by(PromoExpiryTrigger, TEN - DAY / 2, days=days, pool=pool)
    scan(TEN)
    assert entered() == []


def test_codes_of_one_day_are_one_entry(pool):
    anna = b.client()
    issues = [_issue(pool, anna, key) for key in ("first", "second")]
    days = (issues[0].expires_at.astimezone(MOSCOW).date() - TEN.date()).days
    started_by(PromoExpiryTrigger, TEN - DAY / 2, days=days)
    scan(TEN)
    assert entered() == [(anna.pk, f"promo:{issues[0].pk}:-{days}d")]
    assert ScenarioRun.objects.get().context["entry"]["codes"] == [issue.code.code for issue in issues]


def test_it_says_itself(pool):
    assert PromoExpiryTrigger(pool=pool).sentence() == (
        f"2 days before an unused promo code of «{pool.name}» ends, at 10:00 of the client's clock"
    )
