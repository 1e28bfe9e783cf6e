"""The verbs of the map: what they do to the draft tree, and what they refuse (semantics §13)."""

from threading import Thread

import pytest
from django.db import connection

from scenarios.models import AccrueBonuses, AddToSegment, Branch, EventTrigger, Fork, Scenario, Step, Wait
from scenarios.services import cards, tree
from segments.models import Condition, EventCountCondition, Group, InSegment, Segment
from segments.services import rule_tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def scenario() -> Scenario:
    return tree.create(Scenario(name="Cart"))


def trunk(scenario: Scenario) -> Branch:
    return Branch.objects.get(scenario=scenario, fork=None)


def amounts(branch: Branch) -> list[int]:
    """The waits of a branch in order, told apart by their lengths; positions must be dense."""
    steps = list(Step.objects.filter(branch=branch).order_by("position"))
    assert [step.position for step in steps] == list(range(len(steps)))
    return [step.amount for step in steps if isinstance(step, Wait)]


def add_fork(branch: Branch) -> tuple[Fork, Branch, Branch]:
    fork = tree.insert(Fork(), branch)
    first, default = Branch.objects.filter(fork=fork).order_by("position")
    return fork, first, default


def test_new_scenario_has_a_trunk(scenario):
    assert trunk(scenario).steps.count() == 0


def test_insert_puts_a_step_between_others(scenario):
    branch = trunk(scenario)
    for amount, position in ((1, 0), (3, 1), (2, 1), (0, 0), (4, 99), (5, None)):
        tree.insert(Wait(amount=amount), branch, position)
    assert amounts(branch) == [0, 1, 2, 3, 4, 5]


def test_new_fork_has_one_branch_and_the_default_one(scenario):
    _, first, default = add_fork(trunk(scenario))
    assert (first.is_default, first.position, default.is_default, default.position) == (False, 0, True, 1)


@pytest.mark.parametrize(
    ("amount", "position", "expected"),
    [(1, 0, [1, 2, 3]), (1, 1, [2, 1, 3]), (1, 2, [2, 3, 1]), (3, 0, [3, 1, 2]), (2, 99, [1, 3, 2])],
)
def test_move_within_a_branch(scenario, amount, position, expected):
    branch = trunk(scenario)
    waits = {n: tree.insert(Wait(amount=n), branch) for n in (1, 2, 3)}
    tree.move(waits[amount], branch, position)
    assert amounts(branch) == expected


def test_move_into_another_branch_keeps_both_dense(scenario):
    branch = trunk(scenario)
    one, two = (tree.insert(Wait(amount=n), branch) for n in (1, 2))
    _, first, default = add_fork(branch)
    tree.insert(Wait(amount=9), first)
    tree.move(one, first, 0)
    tree.move(two, default)
    assert (amounts(branch), amounts(first), amounts(default)) == ([], [1, 9], [2])


def test_fork_does_not_go_into_a_branch_below_itself(scenario):
    fork, first, _ = add_fork(trunk(scenario))
    _, inner, _ = add_fork(first)
    for target in (first, inner):
        with pytest.raises(tree.TreeError, match="own branches"):
            tree.move(fork, target, 0)
    fork.refresh_from_db()
    assert fork.branch == trunk(scenario)


def test_fork_moves_with_all_below_it(scenario):
    _, _, default = add_fork(trunk(scenario))
    inner, inside, _ = add_fork(trunk(scenario))
    tree.insert(Wait(amount=7), inside)
    tree.move(inner, default, 0)
    assert Step.objects.get(pk=inner.pk).branch == default
    assert amounts(inside) == [7]


def test_step_does_not_move_into_another_scenario(scenario):
    other = tree.create(Scenario(name="Other"))
    step = tree.insert(Wait(amount=1), trunk(scenario))
    with pytest.raises(tree.TreeError, match="no such step"):
        tree.move(step, trunk(other), 0)


def test_position_is_never_negative(scenario):
    with pytest.raises(tree.TreeError, match="negative"):
        tree.insert(Wait(amount=1), trunk(scenario), -1)
    assert not Step.objects.exists()


def test_deleting_a_fork_deletes_all_below_and_nothing_else(scenario):
    branch = trunk(scenario)
    fork, first, default = add_fork(branch)
    kept = tree.insert(Wait(amount=1), branch)
    segment = Segment.objects.create(name="VIP", slug="vip")
    _, deep, _ = add_fork(first)
    for target in (first, default, deep):
        tree.insert(Wait(amount=2), target)
        tree.insert(AddToSegment(segment=segment), target)
        tree.insert(AccrueBonuses(amount=5), target)
    for target in (first, deep):
        tree.add_condition(target, InSegment(segment=segment))
        tree.add_condition(target, EventCountCondition(event_name="order.paid"))
    tree.delete(fork)
    assert list(Step.objects.all()) == [kept]
    assert list(Branch.objects.all()) == [branch]
    assert not Condition.objects.exists()
    assert amounts(branch) == [1]


def test_branches_are_added_before_the_default_one_and_reordered(scenario):
    fork, first, default = add_fork(trunk(scenario))
    second, third = tree.add_branch(fork), tree.add_branch(fork)
    tree.move_branch(third, 0)
    tree.move_branch(first, 99)
    order = list(Branch.objects.filter(fork=fork).order_by("position"))
    assert order == [third, second, first, default]
    assert [branch.position for branch in order] == [0, 1, 2, 3]


def test_deleting_a_branch_deletes_its_steps_and_conditions(scenario):
    fork, first, default = add_fork(trunk(scenario))
    _, inner, _ = add_fork(first)
    tree.insert(Wait(amount=1), inner)
    tree.add_condition(first, EventCountCondition(event_name="order.paid"))
    tree.delete_branch(first)
    assert list(Step.objects.all()) == [fork]
    assert not Condition.objects.exists()
    default.refresh_from_db()
    assert default.position == 0


def test_default_branch_and_trunk_stay(scenario):
    _, _, default = add_fork(trunk(scenario))
    with pytest.raises(tree.TreeError, match="default branch"):
        tree.delete_branch(default)
    with pytest.raises(tree.TreeError, match="default branch"):
        tree.move_branch(default, 0)
    with pytest.raises(tree.TreeError, match="main line"):
        tree.delete_branch(trunk(scenario))


def test_default_branch_has_no_conditions(scenario):
    _, _, default = add_fork(trunk(scenario))
    with pytest.raises(tree.TreeError, match="everybody else"):
        tree.add_condition(default, EventCountCondition(event_name="order.paid"))


def test_conditions_of_a_trigger_go_with_it(scenario):
    trigger = tree.add_trigger(EventTrigger(event_name="cart.updated"), scenario)
    first, second = (
        tree.add_condition(trigger, EventCountCondition(event_name=name)) for name in ("order.paid", "visit.completed")
    )
    with tree.editing_conditions(trigger) as root:
        rule_tree.delete(root, first.pk)
    second.refresh_from_db()
    assert (second.position, second.parent) == (0, trigger.conditions)
    tree.delete_trigger(trigger)
    assert not Condition.objects.exists()


def test_archived_scenario_is_not_edited(scenario):
    step = tree.insert(Wait(amount=1), trunk(scenario))
    Scenario.objects.filter(pk=scenario.pk).update(status=Scenario.Status.ARCHIVED)
    for change in (
        lambda: tree.insert(Wait(amount=2), trunk(scenario)),
        lambda: tree.move(step, trunk(scenario), 0),
        lambda: tree.delete(step),
    ):
        with pytest.raises(tree.TreeError, match="restore it first"):
            change()
    assert amounts(trunk(scenario)) == [1]


def test_every_change_dates_the_draft(scenario):
    before = Scenario.objects.get(pk=scenario.pk).changed_at
    tree.insert(Wait(amount=1), trunk(scenario))
    assert Scenario.objects.get(pk=scenario.pk).changed_at > before


def build_wide(scenario: Scenario, forks: int) -> None:
    segment, _ = Segment.objects.get_or_create(name="VIP", slug="vip")
    for _ in range(forks):
        _, first, default = add_fork(trunk(scenario))
        tree.insert(Wait(amount=1), first)
        tree.insert(AddToSegment(segment=segment), default)
        tree.add_condition(first, InSegment(segment=segment))
    tree.add_trigger(EventTrigger(event_name="cart.updated"), scenario)


def test_cards_say_the_tree(scenario):
    build_wide(scenario, 1)
    drawn = cards.load(scenario)
    assert [start.trigger.sentence() for start in drawn.starts] == ["At once on «Cart changed»"]
    (fork,) = drawn.trunk.cards
    assert [way.title() for way in fork.ways] == ["in segment «VIP»", "Otherwise"]
    assert [card.step.sentence() for card in drawn.cards()] == ["If …", "Wait 1 day", "Add to segment «VIP»"]
    assert fork.size() == 3


def test_empty_group_reads_as_everybody(scenario):
    fork, first, _ = add_fork(trunk(scenario))
    first.conditions = Group.objects.create(mode=Group.Mode.NONE)
    first.save()
    (card,) = cards.load(scenario).trunk.cards
    assert card.ways[0].title() == "Everybody"


def test_queries_do_not_grow_with_the_cards(scenario, django_assert_max_num_queries):
    build_wide(scenario, 12)
    with django_assert_max_num_queries(16):
        for card in cards.load(scenario).cards():
            card.step.sentence()
            for way in card.ways:
                way.title()


@pytest.mark.django_db(transaction=True)
def test_two_editors_at_once_leave_the_positions_dense(scenario):
    def add(amount: int) -> None:
        try:
            tree.insert(Wait(amount=amount), trunk(scenario), 0)
        finally:
            connection.close()

    threads = [Thread(target=add, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(amounts(trunk(scenario))) == [1, 2, 3, 4, 5, 6]
