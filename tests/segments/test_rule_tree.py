"""Trees of conditions: reading, moving, limits (semantics §43)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from segments.models import Condition, EventCountCondition, Group, InSegment, Segment
from segments.services import rule_tree, rules
from segments.services.rule_tree import MAX_DEPTH, MAX_SIZE, RuleError

pytestmark = pytest.mark.django_db


def tree(shape, parent=None, position=0) -> Group:
    """A saved tree: a list is a group, a word a condition on the event of that name."""
    if isinstance(shape, str):
        return EventCountCondition.objects.create(event_name=shape, parent=parent, position=position)
    group = Group.objects.create(parent=parent, position=position)
    for place, inner in enumerate(shape):
        tree(inner, group, place)
    return group


def shape(group: Group) -> list:
    """A loaded tree as the lists and words that make it."""
    return [shape(member) if isinstance(member, Group) else member.event_name for member in group.members()]


def loaded(group: Group) -> Group:
    return rules.load([group.pk])[group.pk]


def named(root: Group, name: str) -> Condition:
    return next(
        place.condition for place in rule_tree.places(root) if getattr(place.condition, "event_name", None) == name
    )


@pytest.mark.parametrize(
    ("before", "moved", "by", "after"),
    [
        (["a", "b", "c"], "b", -1, ["b", "a", "c"]),
        (["a", "b", "c"], "b", 1, ["a", "c", "b"]),
        # Into a group that is in the way, at its near end.
        (["a", ["x", "y"]], "a", 1, [["a", "x", "y"]]),
        ([["x", "y"], "a"], "a", -1, [["x", "y", "a"]]),
        # Out of a group at its end.
        (["a", ["x", "y"], "b"], "x", -1, ["a", "x", ["y"], "b"]),
        (["a", ["x", "y"], "b"], "y", 1, ["a", ["x"], "y", "b"]),
        (["a", ["x"]], "x", 1, ["a", [], "x"]),
        ([["x"], ["y"]], "x", 1, [[], "x", ["y"]]),
    ],
)
def test_condition_moves_as_the_eye_reads(before, moved, by, after):
    root = loaded(tree(before))
    place = rule_tree.shift(root, named(root, moved).pk, by)
    assert shape(root) == shape(loaded(root)) == after
    assert place == rule_tree.find(loaded(root), place.condition.pk)


@pytest.mark.parametrize(("moved", "by", "words"), [("a", -1, "first one"), ("b", 1, "last one")])
def test_nothing_moves_beyond_the_ends(moved, by, words):
    root = loaded(tree(["a", "b"]))
    with pytest.raises(RuleError, match=words):
        rule_tree.shift(root, named(root, moved).pk, by)
    assert shape(loaded(root)) == ["a", "b"]


def test_deleted_group_goes_with_all_that_is_below_and_nothing_else():
    root = loaded(tree(["a", ["x", ["deep", ["deeper"]]], "b"]))
    other = tree(["kept"])
    gone = rule_tree.delete(root, root.attached_members[1].pk)
    assert isinstance(gone, Group)
    assert shape(root) == shape(loaded(root)) == ["a", "b"]
    assert [member.position for member in loaded(root).members()] == [0, 1]
    assert Condition.objects.count() == 5
    assert shape(loaded(other)) == ["kept"]


def test_groups_are_nested_five_deep_and_no_deeper():
    root = loaded(tree([]))
    into = root.pk
    for _depth in range(2, MAX_DEPTH + 1):
        into = rule_tree.add(root, into, Group()).pk
    rule_tree.add(root, into, EventCountCondition(event_name="deepest"))
    with pytest.raises(RuleError, match="at most 5 deep"):
        rule_tree.add(root, into, Group())
    assert Group.objects.count() == MAX_DEPTH


def test_group_is_not_moved_to_where_it_would_be_too_deep():
    # The first group is three high; inside its neighbour's neighbour it would reach six.
    root = loaded(tree([[["a", ["b"]]], [[["c"]]]]))
    tall = root.attached_members[0]
    rule_tree.shift(root, tall.pk, 1)
    assert shape(loaded(root)) == [[[["a", ["b"]]], [["c"]]]]
    with pytest.raises(RuleError, match="at most 5 deep"):
        rule_tree.shift(root, tall.pk, 1)
    assert shape(loaded(root)) == [[[["a", ["b"]]], [["c"]]]]


def test_tree_has_a_limit_that_is_said():
    root = loaded(tree([str(n) for n in range(MAX_SIZE - 1)]))
    rule_tree.add(root, root.pk, EventCountCondition(event_name="last"))
    with pytest.raises(RuleError, match="More than 100 conditions"):
        rule_tree.add(root, root.pk, EventCountCondition(event_name="one more"))
    assert Condition.objects.non_polymorphic().filter(parent=root).count() == MAX_SIZE


def test_what_is_in_another_tree_is_not_touched():
    root, other = loaded(tree(["a", "b"])), loaded(tree(["x"]))
    stranger = named(other, "x").pk
    for edit in (
        lambda: rule_tree.delete(root, stranger),
        lambda: rule_tree.shift(root, stranger, 1),
        lambda: rule_tree.add(root, other.pk, EventCountCondition(event_name="c")),
        lambda: rule_tree.set_mode(root, other.pk, "any"),
    ):
        with pytest.raises(RuleError, match="no longer exists"):
            edit()
    with pytest.raises(RuleError, match="to a group"):
        rule_tree.add(root, named(root, "a").pk, EventCountCondition(event_name="c"))
    with pytest.raises(RuleError, match="no such mode"):
        rule_tree.set_mode(root, root.pk, "some")
    assert (shape(loaded(root)), shape(loaded(other))) == (["a", "b"], ["x"])


def test_copy_says_the_same_and_shares_nothing():
    segment = Segment.objects.create(name="VIP", slug="vip")
    root = tree(["a", ["x"]])
    InSegment.objects.create(segment=segment, negated=True, parent=root, position=2)
    Group.objects.filter(pk=root.pk).update(mode="none")
    made = rules.store(loaded(root))
    assert loaded(made).sentence() == loaded(root).sentence()
    ids = {place.condition.pk for place in rule_tree.places(loaded(root))}
    assert ids.isdisjoint(place.condition.pk for place in rule_tree.places(loaded(made)))
    rules.discard(root.pk)
    assert "«VIP»" in loaded(made).sentence()


def test_loading_costs_a_query_a_type_however_many_rows(django_assert_num_queries):
    segments = [Segment.objects.create(name=f"S{n}", slug=f"s{n}") for n in range(6)]
    root = tree([["a", "b"], ["c"], ["d", "e", "f"]])
    for position, segment in enumerate(segments):
        InSegment.objects.create(segment=segment, parent=root, position=3 + position)
    # Their ids; their base rows; three types; the segments' names.
    with django_assert_num_queries(1 + 1 + 3 + 1):
        assert "S5" in loaded(root).sentence()


SHAPES = st.recursive(st.sampled_from("abc"), lambda inner: st.lists(inner, max_size=3), max_leaves=8)


class TestAnyMoves(TestCase):
    @given(st.lists(SHAPES, min_size=1, max_size=4), st.lists(st.tuples(st.integers(0, 20), st.sampled_from([-1, 1]))))
    def test_moving_loses_nothing_and_keeps_positions_dense(self, given_shape, moves):
        root = loaded(tree(given_shape))
        before = {place.condition.pk for place in rule_tree.places(root)}
        for which, by in moves:
            ids = [place.condition.pk for place in rule_tree.places(root)]
            try:
                rule_tree.shift(root, ids[which % len(ids)], by)
            except RuleError:
                pass
            assert shape(root) == shape(loaded(root))
        after = list(rule_tree.places(loaded(root)))
        assert {place.condition.pk for place in after} == before
        assert all(place.condition.position == place.position for place in after)
