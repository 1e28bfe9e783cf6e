"""The step that issues a promo code: the code in the messages below, and what a dry pool does."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import PromoIssue, PromoPool
from loyalty.services import promo
from messaging.models import Message
from scenarios.engine.advance import BACKOFF, advance_due
from scenarios.engine.listen import read_events
from scenarios.models import IssuePromoCode, RunLog, ScenarioRun
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _start(pool, people, **values):
    """A scenario that says a code at once and again after an hour, entered by the clients."""
    draft, shop = b.scenario(), b.source()
    trunk = b.trunk(draft)
    b.issue_promo(trunk, pool, **values)
    b.sms(trunk, body='{{ promo.code | default: "none" }} {{ promo.until | default: "" }}')
    b.wait(trunk, 1, "hours")
    b.sms(trunk, body='again {{ promo.code | default: "none" }}')
    b.live(draft)
    for person in people:
        b.record_event(shop, "order.created", person)
    read_events(NOW)
    advance_due(NOW)
    return draft


def test_messages_below_say_the_code_at_once_and_after_a_wait():
    pool, people = b.promo_pool(codes=3, days_after_issue=7), b.clients(2)
    _start(pool, people)
    advance_due(NOW + timedelta(hours=1))
    for person in people:
        issue = PromoIssue.objects.select_related("code").get(client=person)
        said = list(Message.objects.filter(client=person).order_by("id").values_list("body", flat=True))
        assert said == [f"{issue.code.code} 2026-03-17", f"again {issue.code.code}"]
        assert RunLog.objects.get(client=person, step_type="IssuePromoCode").detail == issue.code.code
    assert promo.left([pool.pk]) == {pool.pk: 1}


def test_without_codes_the_run_goes_on_where_it_may():
    pool, people = b.promo_pool(codes=1), b.clients(2)
    _start(pool, people, when_dry="skip")
    said = sorted(message.body.split(" ")[0] for message in Message.objects.all())
    assert "none" in said
    assert len(said) == 2
    assert sorted(RunLog.objects.filter(step_type="IssuePromoCode").values_list("reason", flat=True)) == [
        "",
        "pool_dry",
    ]


def test_without_codes_a_shared_one_is_given():
    shared = b.promo_pool(codes=1, kind=PromoPool.Kind.SHARED)
    pool, people = b.promo_pool(codes=1), b.clients(3)
    _start(pool, people, when_dry="shared", instead=shared)
    assert PromoIssue.objects.filter(pool=shared).count() == 2
    code = PromoIssue.objects.filter(pool=shared).first().code.code
    assert Message.objects.filter(body__startswith=code).count() == 2
    assert RunLog.objects.filter(reason="shared_code").count() == 2


def test_without_codes_the_run_fails_alone_and_goes_on_once_codes_are_there():
    pool, people = b.promo_pool(codes=1), b.clients(2)
    draft = _start(pool, people)
    assert Message.objects.count() == 1
    run = ScenarioRun.objects.get(failures=1)
    assert (run.state, run.due_at, run.visits, run.scenario) == ("active", NOW + BACKOFF[0], 0, draft)
    assert RunLog.objects.get(kind="failure").reason == "retry"

    promo.order(pool, 1, NOW)
    promo.fill_next(NOW)
    advance_due(NOW + BACKOFF[0])
    run.refresh_from_db()
    assert (run.failures, run.error) == (0, "")
    assert Message.objects.count() == 2


def test_a_pool_that_stays_dry_fails_the_run_for_good():
    _start(b.promo_pool(), [b.client()])
    later = NOW
    for wait in BACKOFF:
        later += wait
        advance_due(later)
    run = ScenarioRun.objects.get()
    assert (run.state, run.due_at) == ("failed", None)
    reasons = list(RunLog.objects.filter(kind="failure").order_by("id").values_list("reason", flat=True))
    assert reasons == ["retry"] * len(BACKOFF) + ["failed"]


def test_the_shared_code_has_to_be_named_and_shared():
    pool, other = b.promo_pool(), b.promo_pool()
    for instead in (None, pool, other):
        with pytest.raises(ValidationError) as wrong:
            IssuePromoCode(pool=pool, when_dry="shared", instead=instead).clean()
        assert "instead" in wrong.value.message_dict
