"""Scenarios as files and as copies (semantics §14)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from loyalty.models import ProfileForm, ProfileQuestion, PromoPool, Survey, SurveyQuestion
from scenarios.engine import snapshot
from scenarios.models import STEP_TYPES, TRIGGER_TYPES, AskProfile, AskSurvey, Branch, MessageTrigger, Scenario, Step
from scenarios.services import publish, transfer, tree
from scenarios.services.draft import BadDocument
from segments.models import CONDITION_TYPES, InSegment, Segment
from tests import builders as b
from tests.builders import NOW
from tests.scenarios.emptying import emptied

pytestmark = pytest.mark.django_db


def _rich():
    draft = b.scenario({"base_event": "cart.updated", "absent_events": ["order.created"]}, name="Cart", priority=4)
    trunk = b.trunk(draft)
    b.issue_promo(trunk, b.promo_pool(slug="autumn"))
    _, yes, no = b.fork(trunk, event_name="order.created")
    b.email(yes, body="{{ promo.code }}")
    b.join(no, b.segment("fans"))
    return draft


def _without_keys(document):
    text = json.dumps(document)
    keys = [*Step.objects.values_list("key", flat=True), *Branch.objects.values_list("key", flat=True)]
    for key in keys:
        text = text.replace(key, "KEY")
    for trigger in document["triggers"]:
        text = text.replace(trigger["key"], "KEY")
    return json.loads(text)


def test_a_copy_says_the_same_under_keys_of_its_own():
    draft = _rich()

    copy = transfer.duplicate(draft, "Copy")

    assert copy.status == "draft"
    assert copy.live_release is None
    assert copy.priority == 4
    one, two = publish.draft_document(draft), publish.draft_document(copy)
    assert _without_keys(one) == _without_keys(two)
    keys = lambda of: set(Step.objects.filter(branch__scenario=of).values_list("key", flat=True))  # noqa: E731
    assert not keys(draft) & keys(copy)
    publish.publish(copy, None, NOW)


def test_a_file_makes_what_it_needs_and_this_installation_lacks():
    draft = _rich()
    text, said = transfer.export(draft), _without_keys(publish.draft_document(draft))
    tree.delete(Step.objects.get(branch__fork__isnull=True, position=1, branch__scenario=draft))
    tree.delete(Step.objects.get(branch__scenario=draft))
    Segment.objects.all().delete()
    PromoPool.objects.all().delete()

    made = transfer.import_file(text, NOW)

    assert (made.name, made.status) == ("Cart", "draft")
    assert _without_keys(publish.draft_document(made)) == said
    assert Segment.objects.get().slug == "fans"
    assert not Segment.objects.get().memberships.exists()
    assert PromoPool.objects.get().slug == "autumn"


def test_what_exists_here_is_used_and_not_changed():
    draft = _rich()
    text = transfer.export(draft)
    Segment.objects.update(name="Renamed")

    transfer.import_file(text, NOW)

    assert Segment.objects.get().name == "Renamed"


def _heard():
    """A scenario that hears one message of another one, for a segment with a rule that looks at another segment."""
    first = b.scenario(name="First")
    step = b.email(b.trunk(first))
    second = b.scenario(name="Second")
    second.triggers.all().delete()
    MessageTrigger.objects.create(scenario=second, of_scenario=first, of_step=step.key)
    survey = Survey.objects.create(name="Why?", slug="why", title="Why?")
    SurveyQuestion.objects.create(survey=survey, key="score", kind="nps", words="How likely?")
    b.add(AskSurvey, b.trunk(second), survey=survey)
    form = ProfileForm.objects.create(name="About you", slug="about", title="About you")
    ProfileQuestion.objects.create(form=form, attribute="birthday", kind="date", words="When were you born?")
    b.add(AskProfile, b.trunk(second), form=form)
    b.segment("fans")
    rich = b.dynamic_segment(InSegment(segment=Segment.objects.get(slug="fans")), slug="rich")
    _, yes, _no = b.fork(b.trunk(second))
    yes.conditions.children.all().delete()
    InSegment.objects.create(parent=yes.conditions, segment=rich)
    return first, second


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_scenarios_that_name_each_other_find_each_other_again_in_whatever_order_they_come(order):
    drafts = [Scenario.objects.get(pk=draft.pk) for draft in _heard()]
    texts = [transfer.export(draft) for draft in drafts]
    said = [publish.draft_document(draft) for draft in drafts]
    emptied()

    for place in order:
        transfer.import_file(texts[place], NOW)

    first, second = Scenario.objects.get(name="First"), Scenario.objects.get(name="Second")
    assert Scenario.objects.count() == 2
    assert [publish.draft_document(made) for made in (first, second)] == said
    trigger = MessageTrigger.objects.get()
    assert (trigger.of_scenario, trigger.of_step) == (first, Step.objects.get(branch__scenario=first).key)
    assert list(SurveyQuestion.objects.values_list("survey__slug", "key", "kind")) == [("why", "score", "nps")]
    assert list(ProfileQuestion.objects.values_list("form__slug", "attribute")) == [("about", "birthday")]
    assert Segment.objects.get(slug="rich").rule.children.get().segment.slug == "fans"


def test_a_second_import_of_a_file_is_a_scenario_of_its_own():
    first, _second = _heard()
    text = transfer.export(first)

    made = transfer.import_file(text, NOW)

    assert made.slug != first.slug
    keys = [Step.objects.get(branch__scenario=of).key for of in (first, made)]
    assert len(set(keys)) == 2
    assert MessageTrigger.objects.get().of_scenario == first


@pytest.mark.parametrize("kind", [*STEP_TYPES, *TRIGGER_TYPES, *CONDITION_TYPES])
def test_whatever_a_part_refers_to_is_named_by_a_word_rather_than_a_number(kind):
    own = {"id", "polymorphic_ctype", "branch", "scenario", "conditions", "parent"}
    for field in kind._meta.get_fields():
        parent = field.remote_field and getattr(field.remote_field, "parent_link", False)
        if field.is_relation and not field.auto_created and field.name not in own and not parent:
            assert field.related_model in snapshot.NAMED, field


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda file: file.update(kind="poem"), "exported scenario"),
        (lambda file: file["draft"].update(format=99), "draft.format"),
        (lambda file: file["draft"]["steps"][0].update(type="Teleport"), "draft.steps[0].type"),
        (lambda file: file["draft"]["steps"][1]["branches"][0].update(steps="none"), "branches[0].steps"),
        (lambda file: file["draft"]["steps"][0].update(pool="gone"), "gone"),
        (lambda file: file["draft"]["triggers"][0].update(delay=-5), "delay"),
        (lambda file: file["draft"]["settings"].update(priority="high"), "priority"),
        (lambda file: file["needs"].append({"type": "User"}), "User"),
        (lambda file: file.pop("name"), "name"),
        (lambda file: file.update(slug=7), "slug"),
        (lambda file: file.update(slug="not a slug"), "slug"),
        (lambda file: file["needs"].append({"type": "Survey", "questions": 5}), "questions"),
        (
            lambda file: file["needs"].append(
                {
                    "type": "Survey",
                    "slug": "s",
                    "name": "s",
                    "title": "s",
                    "questions": [{"key": "a", "kind": "odd", "words": "?"}],
                }
            ),
            "kind",
        ),
        (lambda file: file["needs"].append({"type": "Segment", "slug": "s", "rule": {"type": "Wait"}}), "rule.type"),
        (
            lambda file: file["needs"].append(
                {
                    "type": "Segment",
                    "slug": "s",
                    "name": "s",
                    "kind": "dynamic",
                    "rule": {"type": "Group", "members": [{"type": "InSegment", "segment": "gone"}]},
                }
            ),
            "gone",
        ),
    ],
)
def test_a_spoilt_file_is_refused_by_place_and_leaves_nothing(spoil, named):
    file = json.loads(transfer.export(_rich()))
    spoil(file)

    with pytest.raises(BadDocument) as refused:
        transfer.import_file(json.dumps(file), NOW)

    assert named in str(refused.value)
    assert Scenario.objects.count() == 1


class TestAnyJson(TestCase):
    """Whatever the file holds, it is refused in words, never with a crash."""

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "type",
                            "key",
                            "steps",
                            "triggers",
                            "branches",
                            "settings",
                            "format",
                            "conditions",
                            "members",
                            "label",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
        )
    )
    def test_any_draft(self, draft):
        with pytest.raises(BadDocument):
            transfer.import_file(
                json.dumps({"kind": transfer.KIND, "name": "x", "description": "", "needs": [], "draft": draft}), NOW
            )
