"""Messages to staff: a person, a group or a role, one to each, about the client (semantics §29)."""

import logging

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError

from messaging.models import Message
from messaging.services import outbox, staff
from scenarios.engine.advance import advance_due
from scenarios.engine.leave import stop_all
from scenarios.engine.listen import read_events
from scenarios.models import NotifyStaff, RunLog
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    """Olga administers, Pavel publishes scenarios, Sveta and Tanya sell; one of each is gone, one has no address."""
    sales = Group.objects.create(name="Sales")
    olga = User.objects.create_superuser("olga", "olga@shop.example", "x")
    pavel = User.objects.create_user("pavel", "pavel@shop.example", "x", is_staff=True)
    pavel.user_permissions.add(Permission.objects.get(codename="publish_scenario"))
    for name, email in (("sveta", "sveta@shop.example"), ("tanya", "tanya@shop.example"), ("mute", "")):
        User.objects.create_user(name, email, "x", is_staff=True).groups.add(sales)
    User.objects.create_user("gone", "gone@shop.example", "x", is_staff=True, is_active=False).groups.add(sales)
    User.objects.create_user("shopper", "shopper@shop.example", "x").groups.add(sales)
    return olga


@pytest.mark.parametrize(
    ("kind", "name", "people"),
    [
        ("person", "pavel", ["pavel"]),
        ("person", "gone", []),
        ("person", "shopper", []),
        ("group", "Sales", ["sveta", "tanya", "mute"]),
        ("group", "Nobody", []),
        ("role", "administrator", ["olga"]),
        ("role", "scenarios", ["pavel"]),
        ("role", "bonuses", []),
        ("role", "unheard-of", []),
    ],
)
def test_staff_are_found_by_person_group_and_role(office, kind, name, people):
    names = dict(User.objects.values_list("pk", "username"))
    assert [names[member.id] for member in staff.members(kind, name)] == people


def test_everybody_of_a_group_who_can_be_reached_is_told_once_about_the_client(office, walk, caplog, mailoutbox):
    anna, draft = b.client(consent=False), b.scenario()
    values = {"to": "group", "group": "Sales", "subject": "Call {{ client.phone }}", "body": "{{ client.first_name }}"}
    b.add(NotifyStaff, b.trunk(draft), **values)
    with caplog.at_level(logging.DEBUG):
        walk(draft, anna)
        while outbox.send_due(NOW):
            pass
    messages = Message.objects.order_by("address")
    assert [(m.recipient, m.topic, m.address, m.status, m.client) for m in messages] == [
        ("staff", "staff", "sveta@shop.example", "accepted", anna),
        ("staff", "staff", "tanya@shop.example", "accepted", anna),
    ]
    assert [mail.subject for mail in mailoutbox] == [f"Call {anna.phone}"] * 2
    assert anna.phone not in caplog.text
    assert RunLog.objects.get(step_type="NotifyStaff").message in messages


def test_what_staff_are_to_know_does_not_depend_on_how_the_run_ends(office, walk):
    draft = b.scenario()
    b.add(NotifyStaff, b.trunk(draft), to="person", person="olga", subject="Hi", body="x")
    b.wait(b.trunk(draft))
    walk(draft, b.client())
    stop_all(draft.pk, "archived", NOW)
    outbox.send_due(NOW)
    assert Message.objects.get().status == "accepted"


def test_a_visit_tells_once(office, walk, again):
    draft = b.scenario()
    b.add(NotifyStaff, b.trunk(draft), to="person", person="olga", subject="Hi", body="x")
    walk(draft, b.client())
    again()
    assert Message.objects.count() == 1


def test_nobody_to_tell_and_a_text_that_fails_are_logged(office):
    nameless = b.client(first_name="")
    draft = b.scenario()
    b.add(NotifyStaff, b.trunk(draft), to="person", person="olga", subject="Hi", body="{{ client.first_name }}")
    b.add(NotifyStaff, b.trunk(draft), to="group", group="Sales", subject="Hi", body="x")
    b.live(draft)
    User.objects.exclude(username="olga").update(is_active=False)
    b.record_event(b.source(), "order.created", nameless)
    read_events(NOW)
    advance_due(NOW)
    reasons = list(RunLog.objects.filter(kind="step").order_by("id").values_list("reason", flat=True))
    assert reasons == ["render_failed", "no_staff"]
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"to": "person", "person": "nobody"}, "person"),
        ({"to": "group", "group": "Nobody"}, "group"),
        ({"to": "person", "person": "mute"}, "person"),
        ({"to": "role", "role": "bonuses"}, "role"),
        ({"subject": ""}, "subject"),
        ({"body": "{{ nobody.x }}"}, "body"),
    ],
)
def test_a_step_that_reaches_nobody_or_makes_no_sense_is_refused_by_field(office, values, field):
    with pytest.raises(ValidationError) as wrong:
        NotifyStaff(**{"to": "role", "role": "administrator", "subject": "s", "body": "b"} | values).clean()
    assert field in wrong.value.message_dict
