"""The step that waits for a time: each of its modes at its bounds, and through the engine."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from messaging.models import Message
from messaging.services import outbox
from messaging.services.recipients import Recipient
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, ScenarioRun, Wait
from scenarios.steps.dates import next_yearly
from scenarios.steps.outcomes import Batch, RunView
from tests import builders as b
from tests.builders import NOW

moments = st.integers(631152000, 2114380800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))  # 1990–2037
MOSCOW, NEW_YORK = "Europe/Moscow", "America/New_York"


def _run(**values):
    return RunView(
        **{
            "id": 1, "scenario_id": 1, "client_id": 7, "step_key": "k", "visit": 1, "waiting": False, "depth": 0,
            "entered_at": NOW, "context": {},
        }
        | values
    )  # fmt: skip


def _decide(step, now=NOW, zone=MOSCOW, attributes="{}", **run):
    recipient = Recipient(7, "Anna", "", "", "", "", zone, attributes)
    (outcome,) = step.decide(Batch([_run(**run)], {7: recipient}), now)
    return outcome


def _local(year, month, day, hour, minute=0, zone=MOSCOW):
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_a_length_is_absolute_over_a_clock_change():
    before = _local(2026, 3, 7, 12, zone=NEW_YORK)  # the clocks change in that night
    assert _decide(Wait(amount=1, unit="days"), before, NEW_YORK).until == before + timedelta(hours=24)


def test_days_until_a_time_of_day_are_the_calendars():
    before = _local(2026, 3, 7, 12, zone=NEW_YORK)
    step = Wait(mode="clock", days=1, at=time(12))
    assert _decide(step, before, NEW_YORK).until == before + timedelta(hours=23)


def test_a_time_of_day_that_is_past_goes_on_or_leaves():
    step = Wait(mode="clock", days=0, at=time(10))  # it is 15:00 in Moscow
    outcome = _decide(step)
    assert (outcome.until, outcome.end, outcome.reason) == (None, "", "date_past")
    step.when_past = "leave"
    outcome = _decide(step)
    assert (outcome.end, outcome.reason) == ("exited", "date_past")
    assert _decide(Wait(mode="clock", days=0, at=time(15), when_past="leave")).end == ""  # this very minute


def test_until_a_window_opens():
    step = Wait(mode="window", weekdays=[6, 7], opens=time(11), closes=time(20))
    assert _decide(step).until == _local(2026, 3, 14, 11)
    assert _decide(step, _local(2026, 3, 14, 19, 59)).until is None
    assert _decide(step, _local(2026, 3, 14, 20)).until == _local(2026, 3, 15, 11)


@pytest.mark.parametrize(
    ("values", "known", "expected"),
    [
        ({"date_of": "given", "given": date(2026, 3, 20)}, {}, (2026, 3, 20)),
        ({"date_of": "given", "given": date(2026, 3, 20), "shift": "before", "shift_days": 3}, {}, (2026, 3, 17)),
        ({"date_of": "given", "given": date(2026, 3, 9), "shift": "after", "shift_days": 3}, {}, (2026, 3, 12)),
        ({"date_of": "attribute", "name": "due"}, {"attributes": '{"due": "2026-04-01"}'}, (2026, 4, 1)),
        # A moment is a day in the client's zone.
        ({"date_of": "attribute", "name": "due"}, {"attributes": '{"due": "2026-03-31T22:30:00Z"}'}, (2026, 4, 1)),
        ({"date_of": "promo", "shift": "before", "shift_days": 2}, {"context": {"promo": {"until": "2026-03-17"}}},
         (2026, 3, 15)),
    ],
)  # fmt: skip
def test_until_a_date(values, known, expected):
    assert _decide(Wait(mode="date", at=time(10), **values), **known).until == _local(*expected, 10)


@pytest.mark.parametrize("attributes", ["{}", '{"due": "soon"}', '{"due": 5}', '{"due": null}'])
def test_without_a_date_the_run_goes_on_or_leaves(attributes):
    step = Wait(mode="date", date_of="attribute", name="due")
    outcome = _decide(step, attributes=attributes)
    assert (outcome.until, outcome.end, outcome.reason) == (None, "", "no_date")
    step.when_past = "leave"
    assert _decide(step, attributes=attributes).end == "exited"


def test_a_timer_keeps_its_end_unless_it_is_to_be_counted_anew():
    until = NOW + timedelta(days=1)
    waiting = {"waiting": True, "waiting_since": NOW - timedelta(hours=1), "waiting_until": until}
    changed = Wait(amount=5, unit="hours")
    assert _decide(changed, **waiting).until == until
    assert _decide(changed, until, **waiting).until is None
    assert _decide(changed, **waiting | {"waiting_until": None}).until == NOW + timedelta(hours=4)


@given(
    moments,
    st.sampled_from([MOSCOW, NEW_YORK, "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.integers(1, 400),
    st.times(),
)
def test_n_days_later_the_clients_calendar_shows_n_days_more(now, zone, days, at):
    until = _decide(Wait(mode="clock", days=days, at=at.replace(microsecond=0)), now, zone).until
    shown = until.astimezone(ZoneInfo(zone))
    wanted = now.astimezone(ZoneInfo(zone)).date() + timedelta(days=days)
    # A day that the calendar skipped is the next one.
    assert shown.date() == wanted or (shown.date(), shown.time()) == (wanted + timedelta(days=1), time())
    assert until > now


@given(st.dates(date(1900, 1, 1), date(2020, 1, 1)), st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_a_birthday_comes_back_within_a_year(day, after):
    back = next_yearly(day, after)
    assert after <= back <= after + timedelta(days=366)
    assert (back.month, back.day) in {(day.month, day.day), (2, 28)}


def test_what_makes_no_sense_is_refused():
    for field, values in {
        "amount": {"amount": 4000, "unit": "days"},
        "weekdays": {"mode": "window"},
        "closes": {"mode": "window", "opens": time(9), "closes": time(9)},
        "given": {"mode": "date"},
        "name": {"mode": "date", "date_of": "attribute"},
    }.items():
        with pytest.raises(ValidationError) as wrong:
            Wait(**values).clean()
        assert list(wrong.value.message_dict) == [field]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"amount": 2, "unit": "hours"}, "Wait 2 hours"),
        ({"amount": 2, "unit": "days", "counted_from": "purchase"}, "Wait until 2 days after the last purchase"),
        ({"mode": "clock", "days": 1, "at": time(9, 30)}, "Wait 1 day, until 09:30"),
        ({"mode": "clock", "days": 0, "at": time(9, 30)}, "Wait until 09:30"),
        ({"mode": "window", "weekdays": [7, 6], "opens": time(11)}, "Wait until it is Saturday, Sunday, 11:00–24:00"),
        ({"mode": "date", "date_of": "birthday", "shift": "before", "shift_days": 7},
         "Wait until 7 days before the birthday, 10:00"),
    ],
)  # fmt: skip
def test_it_says_itself(values, sentence):
    assert Wait(**values).sentence() == sentence


def _start(person, *, then="hi", **wait):
    """A scenario that waits and then says something, entered by a client at NOW."""
    shop, draft = b.source(), b.scenario()
    b.wait(b.trunk(draft), **wait)
    b.sms(b.trunk(draft), body=then)
    b.live(draft)
    b.record_event(shop, "order.created", person)
    read_events(NOW)
    advance_due(NOW)
    return draft


@pytest.mark.django_db
def test_a_wait_until_the_next_birthday_ends_in_the_clients_morning():
    anna = b.client(birthday=date(1990, 4, 1), zone="Asia/Kathmandu")
    _start(anna, mode="date", date_of="birthday", shift="before", shift_days=7, at=time(10))
    run = ScenarioRun.objects.get()
    assert run.waiting_until == run.due_at == _local(2026, 3, 25, 10, zone="Asia/Kathmandu")
    assert run.waiting_since == NOW
    advance_due(run.due_at - timedelta(seconds=1))
    assert not Message.objects.exists()
    advance_due(run.due_at)
    assert Message.objects.count() == 1
    run.refresh_from_db()
    assert (run.state, run.waiting_until, run.waiting_since) == ("completed", None, None)


@pytest.mark.django_db
def test_a_wait_for_what_is_past_leaves_with_the_reason():
    _start(b.client(), mode="date", given=date(2026, 3, 1), when_past="leave")
    run = ScenarioRun.objects.get()
    assert (run.state, run.reason) == ("exited", "date_past")
    assert not Message.objects.exists()
    assert RunLog.objects.get(kind="ended").reason == "date_past"


@pytest.mark.django_db
def test_a_wait_counts_from_the_last_accrual_and_from_the_entry():
    shop, anna, draft = b.source(), b.client(), b.scenario()
    trunk = b.trunk(draft)
    b.accrue(trunk)
    b.wait(trunk, 1, "hours")
    b.wait(trunk, 3, "hours", counted_from="accrual")
    b.wait(trunk, 5, "hours", counted_from="entry")
    b.live(draft)
    b.record_event(shop, "order.created", anna)
    read_events(NOW)
    for hours in (0, 1, 3):
        advance_due(NOW + timedelta(hours=hours))
    details = RunLog.objects.filter(step_type="Wait").order_by("id").values_list("detail", flat=True)
    assert list(details) == [(NOW + timedelta(hours=hours)).isoformat() for hours in (1, 3, 5)]


@pytest.mark.django_db
def test_a_wait_counts_from_the_moment_the_message_was_sent():
    shop, anna, draft = b.source(), b.client(), b.scenario()
    trunk = b.trunk(draft)
    b.email(trunk)
    b.wait(trunk, 2, "hours", counted_from="message")
    b.sms(trunk)
    b.live(draft)
    b.record_event(shop, "order.created", anna)
    read_events(NOW)
    advance_due(NOW)
    late = NOW + timedelta(hours=1)
    while outbox.send_due(late):
        pass
    assert Message.objects.get().sent_at == late
    advance_due(NOW + timedelta(hours=2))  # as far as was known when the wait began
    assert ScenarioRun.objects.get().due_at == late + timedelta(hours=2)
    advance_due(late + timedelta(hours=2))
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_a_release_rebuilds_the_wait_as_it_was_drawn():
    draft = _start(b.client(), mode="window", weekdays=[1, 5], opens=time(9), closes=time(18, 30))
    assert draft.live_release.snapshot["steps"][0]["opens"] == "09:00:00"
    assert ScenarioRun.objects.get().due_at == _local(2026, 3, 13, 9)  # the programme's zone
