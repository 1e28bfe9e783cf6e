"""Publishing: what is refused, what a new release changes, and where its runs go (semantics §14)."""

from datetime import timedelta

import pytest

from loyalty.models import Consent
from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, Scenario, ScenarioRun, Step
from scenarios.services import checks, publish, releases, tree
from scenarios.services.publish import Answer, NotPublishable, Unanswered
from segments.models import EventCountCondition
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _waiting_on(step_hours=2):
    """An active scenario — wait, e-mail, SMS — with one client on the wait."""
    draft, shop, anna = b.scenario(), b.source(), b.client()
    trunk = b.trunk(draft)
    wait, email, sms = b.wait(trunk, step_hours, "hours"), b.email(trunk), b.sms(trunk)
    b.live(draft)
    b.record_event(shop, "order.created", anna)
    read_events(NOW)
    advance_due(NOW)
    return draft, wait, email, sms


def test_a_release_tells_what_it_adds_changes_moves_and_removes():
    draft, wait, email, sms = _waiting_on()
    first = draft.live_release.snapshot
    sms.body = "changed"
    sms.save()
    tree.move(sms, b.trunk(draft), 0)
    tree.delete(email)
    b.accrue(b.trunk(draft), amount=50)
    draft.priority = 7
    draft.save()

    changes = releases.difference(first, publish.draft_document(draft))

    assert {(change.kind.value, change.key == sms.key) for change in changes} == {
        ("changed", False), ("changed", True), ("added", False), ("moved", True), ("removed", False),
    }  # fmt: skip
    settings = next(change for change in changes if not change.key)
    assert settings.details == [("Priority", "0", "7")]
    text = next(change for change in changes if change.key == sms.key and change.details)
    assert [after for _, _, after in text.details] == ["changed"]


def test_the_same_draft_differs_in_nothing():
    draft, *_ = _waiting_on()

    assert releases.difference(draft.live_release.snapshot, publish.draft_document(draft)) == []


def test_clients_on_a_removed_step_must_be_answered_for_and_nothing_is_published_before():
    draft, wait, *_ = _waiting_on()
    tree.delete(Step.objects.get(pk=wait.pk))

    with pytest.raises(Unanswered) as refused:
        publish.publish(draft, None, NOW)

    assert [(step.key, step.clients) for step in refused.value.steps] == [(wait.key, 1)]
    assert draft.releases.count() == 1


def test_clients_on_a_removed_step_go_on_to_the_next_one_at_once():
    draft, wait, *_ = _waiting_on()
    tree.delete(Step.objects.get(pk=wait.pk))

    publish.publish(draft, None, NOW, {wait.key: Answer.NEXT})
    advance_due(NOW + timedelta(seconds=1))

    assert ScenarioRun.objects.get().state == "completed"
    assert set(Message.objects.values_list("channel", flat=True)) == {"email", "sms"}


def test_clients_on_a_removed_step_leave_where_that_is_the_answer():
    draft, wait, *_ = _waiting_on()
    tree.delete(Step.objects.get(pk=wait.pk))

    publish.publish(draft, None, NOW, {wait.key: Answer.FINISH})
    advance_due(NOW + timedelta(seconds=1))

    run = ScenarioRun.objects.get()
    assert (run.state, run.reason) == ("exited", "step_removed")
    assert not Message.objects.exists()


def test_a_removed_step_is_remembered_through_later_releases():
    draft, wait, email, sms = _waiting_on()
    draft.status = Scenario.Status.PAUSED
    draft.save()
    tree.delete(Step.objects.get(pk=wait.pk))
    publish.publish(draft, None, NOW, {wait.key: Answer.NEXT})
    tree.delete(Step.objects.get(pk=email.pk))
    release = publish.publish(draft, None, NOW)

    assert release.moves == {wait.key: sms.key, email.key: sms.key}
    Scenario.objects.update(status=Scenario.Status.ACTIVE)
    advance_due(NOW + timedelta(seconds=1))
    assert list(Message.objects.values_list("channel", flat=True)) == ["sms"]


def test_timers_keep_their_due_time_unless_they_are_counted_anew():
    draft, wait, *_ = _waiting_on()
    due = ScenarioRun.objects.get().due_at
    wait.amount = 1
    wait.save()

    publish.publish(draft, None, NOW)

    assert ScenarioRun.objects.get().due_at == due


def test_findings_name_their_part_and_say_what_only_warns():
    draft = b.scenario()
    trunk = b.trunk(draft)
    email = b.email(trunk, body="Your code: {{ promo.code }}")
    fork, yes, no = b.fork(trunk, event_name="order.created")
    wait = b.wait(no, 1, "hours")

    found = {finding.key: finding for finding in checks.findings(draft, publish.draft_document(draft), NOW)}

    assert found[email.key].blocks
    assert "promo" in found[email.key].words
    assert not found[wait.key].blocks
    assert fork.key not in found


def test_a_wait_before_a_step_below_its_fork_is_no_problem():
    draft = b.scenario()
    trunk = b.trunk(draft)
    _, yes, no = b.fork(trunk, event_name="order.created")
    b.wait(no, 1, "hours")
    b.sms(trunk)

    assert checks.findings(draft, publish.draft_document(draft), NOW) == []


def test_a_branch_that_asks_the_same_as_one_above_is_dead():
    draft = b.scenario()
    fork, yes, no = b.fork(b.trunk(draft), event_name="order.created")
    other = tree.add_branch(fork)
    tree.add_condition(other, EventCountCondition(event_name="order.created"))
    b.sms(yes), b.sms(other), b.sms(no)

    with pytest.raises(NotPublishable) as refused:
        publish.publish(draft, None, NOW)

    assert "dead" in str(refused.value)


def test_a_topic_to_which_nobody_agreed_warns():
    draft = b.scenario()
    for topic in ("news", "service", "marketing"):
        b.email(b.trunk(draft), topic=topic)
    (found,) = checks.findings(draft, publish.draft_document(draft), NOW)
    assert found.words == "e-mail: Hello: no client has agreed to the topic «news», so it would reach nobody."
    assert not found.blocks
    Consent.objects.create(
        client=b.client(), channel="email", topic="news", granted=True, source=b.source(), given_at=NOW
    )
    assert checks.findings(draft, publish.draft_document(draft), NOW) == []


def test_a_pool_with_fewer_codes_than_clients_warns():
    draft = b.scenario()
    b.issue_promo(b.trunk(draft), b.promo_pool(codes=0))
    b.sms(b.trunk(draft), body="{{ promo.code }}")

    found = checks.findings(draft, publish.draft_document(draft), NOW)

    assert [finding.blocks for finding in found] == [False]


def test_an_old_release_becomes_the_draft_with_its_keys():
    draft, wait, email, sms = _waiting_on()
    before = publish.draft_document(draft)
    tree.delete(Step.objects.get(pk=sms.pk))
    draft.priority = 3
    draft.save()
    publish.publish(draft, None, NOW)

    releases.restore_as_draft(draft.releases.get(number=1))

    assert publish.draft_document(draft) == before
    assert draft.live_release.number == 2
    assert RunLog.objects.filter(kind="entered").count() == 1
