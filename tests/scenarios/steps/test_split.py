"""A/B/n: a stable draw by shares, and the winner (mechanics AB)."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, Split, SplitWinner
from scenarios.services import split_results
from scenarios.services.split_results import Variant, leader
from scenarios.steps.forking import Way
from scenarios.steps.split import draw
from tests import builders as b
from tests.builders import NOW


@given(st.text(min_size=1, max_size=12), st.integers(1, 2**40), st.lists(st.integers(0, 1000), min_size=2, max_size=6))
def test_a_client_always_draws_the_same_branch_and_never_one_without_a_share(key, client, weights):
    if not sum(weights):
        weights[0] = 1
    ways = [Way(str(place), weight=weight) for place, weight in enumerate(weights)]
    drawn = draw(key, client, ways)
    assert drawn == draw(key, client, ways)
    assert weights[int(drawn)] > 0


def test_shares_are_kept_and_splits_draw_independently():
    ways = [Way("a", weight=70), Way("b", weight=30)]
    first = [draw("one", client, ways) for client in range(20_000)]
    assert Counter(first)["a"] / 20_000 == pytest.approx(0.7, abs=0.015)
    second = [draw("two", client, ways) for client in range(20_000)]
    both = sum(one == two == "a" for one, two in zip(first, second, strict=True))
    assert both / 20_000 == pytest.approx(0.49, abs=0.015)


def test_a_leader_is_certain_only_with_enough_facts():
    assert leader([Variant("a", 1000, 100), Variant("b", 1000, 160)])[0] == "b"
    # z = 3.99 of a pooled two-proportion test
    assert leader([Variant("a", 1000, 100), Variant("b", 1000, 160)])[1] == pytest.approx(0.99997, abs=1e-5)
    assert leader([Variant("a", 20, 2), Variant("b", 20, 3)])[1] < 0.7
    assert leader([Variant("a", 100, 0), Variant("b", 100, 0)])[1] == 0.5
    # Of three, the doubts about both others count.
    two = leader([Variant("a", 500, 50), Variant("b", 500, 70)])[1]
    three = leader([Variant("a", 500, 50), Variant("b", 500, 70), Variant("c", 500, 50)])[1]
    assert 1 - three == pytest.approx(2 * (1 - two))


def _enter(people, **values):
    draft, shop = b.scenario({"event_name": "product.viewed"}, goal_event="order.created"), b.source()
    step, ways = b.split(b.trunk(draft), 1, 1, **values)
    for way in ways:
        b.sms(way, body=way.label)
    b.live(draft)
    _view(shop, people, NOW)
    return shop, draft, step, ways


def _view(shop, people, now):
    for person in people:
        b.record_event(shop, "product.viewed", person, now)
    read_events(now)
    advance_due(now)


@pytest.mark.django_db
class TestTheEngine:
    def test_everybody_goes_the_way_they_drew_and_the_log_knows_which(self):
        people = b.clients(40)
        _, _, step, ways = _enter(people)
        drawn = {person.pk: draw(step.key, person.pk, step.ways()) for person in people}
        assert set(drawn.values()) == {way.key for way in ways}
        assert dict(RunLog.objects.filter(step_key=step.key).values_list("client", "branch")) == drawn
        labels = {way.key: way.label for way in ways}
        assert dict(Message.objects.values_list("client", "body")) == {pk: labels[key] for pk, key in drawn.items()}

    def test_after_a_choice_everybody_goes_one_way_until_it_is_forgotten(self):
        people = b.clients(30)
        shop, draft, step, ways = _enter(people[:10])
        split_results.choose(draft, step.key, ways[1].key, None, NOW)
        _view(shop, people[10:20], NOW)
        later = RunLog.objects.filter(step_key=step.key, client__in=people[10:20])
        assert set(later.values_list("branch", "reason")) == {(ways[1].key, "winner")}
        split_results.forget(draft, step.key)
        _view(shop, people[20:], NOW)
        assert not RunLog.objects.filter(client__in=people[20:], reason="winner").exists()

    def test_the_winner_is_picked_once_the_facts_suffice(self):
        people = b.clients(160)
        shop, _, step, ways = _enter(people, pick=True, least=30)
        liked = [person for person in people if draw(step.key, person.pk, step.ways()) == ways[0].key]
        for person in liked[: len(liked) // 2]:
            b.record_event(shop, "order.created", person, NOW + timedelta(hours=1))
        assert split_results.pick_winners(NOW) == 0  # nobody has bought yet
        assert split_results.pick_winners(NOW + timedelta(days=1)) == 1
        winner = SplitWinner.objects.get()
        assert (winner.branch, winner.author) == (ways[0].key, None)
        assert winner.confidence > 0.95
        assert split_results.pick_winners(NOW + timedelta(days=2)) == 0

    def test_too_few_clients_are_no_facts(self):
        people = b.clients(40)
        shop, _, step, ways = _enter(people, pick=True, least=30)
        for person in people:
            if draw(step.key, person.pk, step.ways()) == ways[0].key:
                b.record_event(shop, "order.created", person, NOW + timedelta(hours=1))
        assert split_results.pick_winners(NOW + timedelta(days=1)) == 0


def test_a_split_needs_two_branches_with_a_share():
    assert Split().way_problems([Way("a"), Way("b", weight=0)])
    assert not Split().way_problems([Way("a"), Way("b", weight=3)])
