"""What holds for every type of condition, on random clients (semantics §43–45)."""

from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.models import CONDITION_TYPES, Group
from segments.services.evaluate import Explanation, changing, explain, holding, matching, selection
from tests.builders import NOW
from tests.segments.conditions import anything

pytestmark = pytest.mark.django_db

random_bases = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
# A number to draw from, not `randoms()`: a base takes more choices than an example may hold.
randoms = given(random=st.integers(0, 2**32).map(Random))


def _ids(statement) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return {pk for (pk,) in cursor.fetchall()}


def _follows(explanation: Explanation) -> bool:
    """What a group's mode makes of its parts; of a condition, its own answer."""
    if not isinstance(explanation.condition, Group):
        return explanation.holds
    parts = [_follows(part) for part in explanation.parts]
    if not parts:
        return True
    return {"all": all(parts), "any": any(parts), "none": not any(parts)}[explanation.condition.mode]


def test_there_is_a_random_one_of_every_type():
    assert set(anything.SAYS) >= set(CONDITION_TYPES)


@random_bases
@randoms
def test_set_all_and_single_client_agree(random: Random):
    with anything.base(random) as people:
        everybody = [person.pk for person in people]
        others = everybody[::2]
        for condition in [anything.condition(random, kind) for kind in CONDITION_TYPES] + [anything.tree(random)]:
            explained = {pk: explain(condition, pk, NOW) for pk in everybody}
            expected = {pk for pk, explanation in explained.items() if explanation.holds}
            assert matching(condition, everybody, NOW) == expected, condition
            assert matching(condition, others, NOW) == expected & set(others), condition
            assert _ids(selection(condition, NOW)) & set(everybody) == expected, condition
            assert _ids(selection(condition, NOW, others)) == expected & set(others), condition
            assert set(holding(condition, others, NOW)) == expected & set(others), condition
            for explanation in explained.values():
                assert explanation.holds is _follows(explanation)
                assert isinstance(explanation.seen, str)


@random_bases
@randoms
def test_asking_in_stages_finds_the_same(random: Random):
    with anything.base(random) as people:
        everybody = [person.pk for person in people]
        for _ in range(10):
            rule = Group(mode="all")
            rule.attached_members = [anything.condition(random, kind) for kind in random.choices(CONDITION_TYPES, k=2)]
            assert set(holding(rule, everybody, NOW)) == matching(rule, everybody, NOW), rule.attached_members


@random_bases
@randoms
def test_only_those_change_of_whom_it_is_said(random: Random):
    with anything.base(random) as people:
        everybody = {person.pk for person in people}
        for kind in CONDITION_TYPES * 3:
            condition = anything.condition(random, kind)
            then = NOW - timedelta(hours=random.choice((0, 1, 6, 24, 100)), microseconds=random.choice((0, 1)))
            changed = matching(condition, everybody, NOW) ^ matching(condition, everybody, then)
            statement = changing(condition, then, NOW)
            if statement is not None:
                assert changed <= _ids(statement), condition


@random_bases
@randoms
def test_looking_again_at_the_changed_alone_gives_what_looking_at_everybody_gives(random: Random):
    with anything.base(random) as people:
        everybody = {person.pk for person in people}
        rule, then = anything.tree(random), NOW - timedelta(hours=random.choice((1, 6, 24)))
        before = matching(rule, everybody, then)
        happened = anything.something_happens(random, people, then)
        statement = changing(rule, then, NOW)
        again = everybody if statement is None else (_ids(statement) & everybody) | happened
        assert before - again | matching(rule, again, NOW) == matching(rule, everybody, NOW)
