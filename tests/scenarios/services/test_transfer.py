"""Scenarios as files and as copies (semantics §14)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from loyalty.models import PromoPool
from scenarios.models import Branch, Scenario, Step
from scenarios.services import publish, transfer, tree
from scenarios.services.draft import BadDocument
from segments.models import Segment
from tests import builders as b
from tests.builders import NOW

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

    made = transfer.import_file(text)

    assert (made.name, made.status) == ("Cart", "draft")
    assert _without_keys(publish.draft_document(made)) == said
    assert Segment.objects.get().slug == "fans"
    assert not Segment.objects.get().memberships.exists()
    assert PromoPool.objects.get().slug == "autumn"


def test_what_exists_here_is_used_and_not_changed():
    draft = _rich()
    text = transfer.export(draft)
    Segment.objects.update(name="Renamed")

    transfer.import_file(text)

    assert Segment.objects.get().name == "Renamed"


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
    ],
)
def test_a_spoilt_file_is_refused_by_place_and_leaves_nothing(spoil, named):
    file = json.loads(transfer.export(_rich()))
    spoil(file)

    with pytest.raises(BadDocument) as refused:
        transfer.import_file(json.dumps(file))

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
                json.dumps({"kind": transfer.KIND, "name": "x", "description": "", "needs": [], "draft": draft})
            )
