"""The rule of a dynamic segment in the admin: edited as a draft, looked at, applied (semantics §43)."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from loyalty.models import Client, Event, UnreadEvent
from scenarios.models import AddToSegment, Branch, EventTrigger, Scenario
from scenarios.services import tree
from segments.admin.uses import uses
from segments.models import AttributeCondition, Condition, Group, InSegment, Membership, Segment
from segments.services import draft, dynamic, rule_tree
from tests import builders as b

pytestmark = pytest.mark.django_db

VALUES = {"attribute": "first_name", "operator": "equals", "value": "Anna", "_popup": 1}


@pytest.fixture
def segment() -> Segment:
    return Segment.objects.create(name="Annas", slug="annas", kind="dynamic")


def staff(*permissions: str) -> Browser:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def editor() -> Browser:
    return staff("view_segment", "change_segment", "view_client")


def add(segment: Segment, name: str, group: int | None = None) -> None:
    with draft.editing(segment.pk) as root:
        condition = AttributeCondition(attribute="first_name", operator="equals", value=name)
        rule_tree.add(root, group or root.pk, condition)


def url(name: str, segment: Segment) -> str:
    return reverse(f"admin:segments_{name}", args=["segment", segment.pk])


def verb(name: str, segment: Segment) -> str:
    return reverse(f"admin:segments_segment_{name}", args=[segment.pk])


def members(segment: Segment) -> set[str]:
    return set(Membership.objects.filter(segment=segment).values_list("client__first_name", flat=True))


def notes(segment: Segment) -> list[str]:
    return list(
        LogEntry.objects.filter(object_id=str(segment.pk)).order_by("pk").values_list("change_message", flat=True)
    )


def test_new_dynamic_segment_is_empty_until_its_rule_is_applied(editor, segment):
    b.client(first_name="Anna")
    b.client(first_name="Boris")
    page = reverse("admin:segments_segment_change", args=[segment.pk])
    assert "say below who is in it" in editor.get(page).content.decode()
    form = reverse("admin:segments_attributecondition_add") + f"?_popup=1&owner=segment:{segment.pk}"
    assert "segments/drawer_saved.js" in editor.post(form, VALUES).content.decode()
    dynamic.refresh(timezone.now())
    assert members(segment) == set()
    assert "1 client would enter" in editor.get(verb("apply", segment)).content.decode()
    editor.post(verb("apply", segment))
    dynamic.refresh(timezone.now())
    assert members(segment) == {"Anna"}
    assert notes(segment) == [
        "Added a condition: «first name equals «Anna»»",
        "Applied the rule: first name equals «Anna»",
    ]


def test_edits_do_not_act_before_they_are_applied(editor, segment):
    for name in ("Anna", "Boris"):
        b.client(first_name=name)
    add(segment, "Anna")
    draft.apply(segment.pk, timezone.now(), triggers=False)
    dynamic.refresh(timezone.now())
    on_the_screen = Condition.objects.get(attributecondition__isnull=False)
    change = reverse("admin:segments_attributecondition_change", args=[on_the_screen.pk])
    editor.post(change, VALUES | {"value": "Boris"})
    assert "does not act yet" in editor.get(url("rule", segment)).content.decode()
    dynamic.rebuild_all(timezone.now())
    dynamic.refresh(timezone.now())
    assert members(segment) == {"Anna"}
    asked = editor.get(verb("apply", segment)).content.decode()
    assert "1 client would enter" in asked
    assert "1 client would leave" in asked
    editor.post(verb("apply", segment))
    dynamic.refresh(timezone.now())
    assert members(segment) == {"Boris"}
    # The draft is gone: one tree of a group and a condition is left.
    assert Condition.objects.count() == 2


def test_discarded_draft_leaves_the_rule(editor, segment):
    add(segment, "Anna")
    draft.apply(segment.pk, timezone.now(), triggers=False)
    add(segment, "Boris")
    editor.post(verb("discard", segment))
    segment.refresh_from_db()
    assert segment.draft is None
    assert segment.rule.sentence() == "first name equals «Anna»"
    assert Condition.objects.count() == 2
    answer = editor.post(verb("apply", segment), follow=True).content.decode()
    assert "nothing to apply" in answer


@pytest.mark.parametrize(("ticked", "told"), [({}, False), ({"triggers": "on"}, True)])
def test_scenarios_react_only_if_ticked(editor, segment, ticked, told):
    b.client(first_name="Anna")
    add(segment, "Anna")
    editor.post(verb("apply", segment), ticked)
    dynamic.refresh(timezone.now())
    event = Event.objects.get(name="segment.entered")
    assert UnreadEvent.objects.filter(event=event).exists() is told


def test_circle_is_refused_with_its_path(editor, segment):
    other = Segment.objects.create(name="Others", slug="others", kind="dynamic")
    for one, named in ((segment, other), (other, segment)):
        with draft.editing(one.pk) as root:
            rule_tree.add(root, root.pk, InSegment(segment=named))
    editor.post(verb("apply", segment))
    assert "Others → Annas → Others" in editor.get(verb("apply", other)).content.decode()
    assert "Others → Annas → Others" in editor.post(verb("apply", other), follow=True).content.decode()
    other.refresh_from_db()
    assert other.rule is None


def test_preview_counts_and_shows_a_sample(editor, segment):
    for number in range(12):
        b.client(first_name="Anna", last_name=f"N{number}")
    b.client(first_name="Boris")
    add(segment, "Anna")
    answer = editor.get(url("rule_preview", segment)).content.decode()
    assert "<span data-count>12</span>" in answer
    assert answer.count("<li>") == 10
    assert "Boris" not in answer
    assert editor.get(url("rule_preview", segment) + "?exact=1").content == b"12"


def test_why_says_what_each_condition_saw(editor, segment):
    anna, boris = b.client(first_name="Anna"), b.client(first_name="Boris")
    with draft.editing(segment.pk) as root:
        inner = rule_tree.add(root, root.pk, Group(mode="any"))
    add(segment, "Anna", inner.pk)
    answer = editor.get(url("rule_why", segment), {"who": boris.email or boris.pk}).content.decode()
    assert "is-out" in answer
    assert "Boris" in answer
    assert "is-in" not in answer
    assert "is-out" not in editor.get(url("rule_why", segment), {"who": anna.pk}).content.decode()
    assert "No client has this" in editor.get(url("rule_why", segment), {"who": "nobody"}).content.decode()
    b.client(first_name="Anna")
    assert "choose one" in editor.get(url("rule_why", segment), {"who": "Anna"}).content.decode()


def test_who_may_not_see_clients_sees_how_many_and_nobody(segment):
    b.client(first_name="Anna")
    add(segment, "Anna")
    reader = staff("view_segment")
    answer = reader.get(url("rule_preview", segment)).content.decode()
    assert "<span data-count>1</span>" in answer
    assert "Anna" not in answer
    assert reader.get(url("rule_why", segment), {"who": "Anna"}).status_code == 403
    page = reader.get(reverse("admin:segments_segment_change", args=[segment.pk])).content.decode()
    assert "data-verb" not in page
    for address in (url("rule", segment), verb("apply", segment), verb("discard", segment), verb("rebuild", segment)):
        assert reader.post(address, {"verb": "add-group"}).status_code == 403
    assert not Group.objects.filter(parent__isnull=False).exists()


def test_staff_without_permission_see_nothing(segment):
    nobody = staff()
    for name in ("rule", "rule_preview", "rule_why"):
        assert nobody.get(url(name, segment)).status_code == 403


def test_static_segment_has_no_rule_and_a_dynamic_one_takes_nobody_by_hand(admin_client, segment):
    static = Segment.objects.create(name="VIP", slug="vip")
    answer = admin_client.post(url("rule", static), {"verb": "add-group"})
    assert answer.status_code == 403
    person = b.client(first_name="Anna")
    assert admin_client.post(verb("members", segment), {"who": person.pk}).status_code == 403


def test_segment_goes_with_its_rule_and_draft(admin_client, segment):
    add(segment, "Anna")
    draft.apply(segment.pk, timezone.now(), triggers=False)
    add(segment, "Boris")
    admin_client.post(reverse("admin:segments_segment_delete", args=[segment.pk]), {"post": "yes"})
    assert not Segment.objects.exists()
    assert not Condition.objects.exists()


def test_created_segment_opens_at_its_rule(admin_client):
    values = {"name": "Buyers", "slug": "buyers", "kind": "dynamic", "colour": "#123456"}
    answer = admin_client.post(reverse("admin:segments_segment_add"), values, follow=True)
    segment = Segment.objects.get()
    assert segment.is_dynamic
    assert f'data-rule="{url("rule", segment)}"' in answer.content.decode()


def test_uses_are_found_in_drafts_releases_and_rules(django_assert_max_num_queries):
    segments = [Segment.objects.create(name=f"S{n}", slug=f"s{n}") for n in range(5)]
    scenario = tree.create(Scenario(name="Welcome"))
    trigger = tree.add_trigger(EventTrigger(event_name="order.paid"), scenario)
    with tree.editing_conditions(trigger) as root:
        inner = rule_tree.add(root, root.pk, Group())
        rule_tree.add(root, inner.pk, InSegment(segment=segments[0]))
    tree.insert(AddToSegment(segment=segments[1]), Branch.objects.get(scenario=scenario))
    archived = tree.create(Scenario(name="Old"))
    tree.insert(AddToSegment(segment=segments[1]), Branch.objects.get(scenario=archived))
    Scenario.objects.filter(pk=archived.pk).update(status=Scenario.Status.ARCHIVED)
    user = Segment.objects.create(name="Dynamic", slug="dynamic", kind="dynamic")
    with draft.editing(user.pk) as root:
        rule_tree.add(root, root.pk, InSegment(segment=segments[2]))
    with django_assert_max_num_queries(20):
        found = uses([segment.pk for segment in segments])
    assert [[use.name for use in found[segment.pk]] for segment in segments] == [
        ["Welcome"], ["Welcome"], ["Dynamic"], [], [],
    ]  # fmt: skip


def test_client_page_shows_segments_as_coloured_labels(admin_client):
    person = b.client(first_name="Anna")
    vip = Segment.objects.create(name="VIP", slug="vip", colour="#123456")
    Membership.objects.create(segment=vip, client=person, entered_at=timezone.now())
    address = reverse("admin:loyalty_client_change", args=[person.pk])
    assert "--segment: #123456" in admin_client.get(address).content.decode()
    assert Client.objects.count() == 1
    assert "--segment" not in staff("view_client").get(address).content.decode()
