"""Drawing winners by lot (T56)."""

from collections import Counter

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from loyalty.models import Event
from segments.models import Membership
from segments.services import drawing, membership
from segments.services.membership import FilledByRule
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def contest():
    joined, winners = b.segment("joined"), b.segment("winners")
    membership.add(joined.pk, {client.pk: 0 for client in b.clients(6, consent=False)}, NOW)
    return joined, winners


def _in(segment):
    return sorted(Membership.objects.filter(segment=segment).values_list("client_id", flat=True))


def test_so_many_of_those_who_joined_win_and_each_winning_is_an_event(contest):
    joined, winners = contest
    drawn = drawing.draw(joined, winners, 2, NOW)
    assert len(drawn) == 2
    assert _in(winners) == drawn
    assert set(drawn) < set(_in(joined))
    events = Event.objects.filter(name="segment.entered", payload__segment="winners")
    assert sorted(events.values_list("client_id", flat=True)) == drawn


def test_nobody_wins_twice_and_all_win_where_fewer_are_left(contest):
    joined, winners = contest
    first, second, third = (drawing.draw(joined, winners, 4, NOW) for _ in range(3))
    assert (len(first), len(second), third) == (4, 2, [])
    assert sorted(first + second) == _in(joined)


def test_everybody_has_the_same_chance(contest):
    joined, winners = contest
    won = Counter()
    for _ in range(120):
        won.update(drawing.draw(joined, winners, 1, NOW))
        Membership.objects.filter(segment=winners).delete()
    # 20 each; that one of the six wins fewer than 3 times happens once in a million.
    assert len(won) == 6
    assert min(won.values()) >= 3


def test_a_segment_with_a_rule_takes_no_winners(contest):
    with pytest.raises(FilledByRule):
        drawing.draw(contest[0], b.dynamic_segment(), 1, NOW)


def test_staff_draw_on_the_page_of_the_segment_and_the_history_says_so(contest, client):
    joined, winners = contest
    client.force_login(User.objects.create_superuser("boss"))
    page = reverse("admin:segments_segment_draw", args=[joined.pk])
    assert "Draw winners" in client.get(reverse("admin:segments_segment_change", args=[joined.pk])).content.decode()
    assert client.get(page).status_code == 200

    refused = client.post(page, {"number": 0, "into": joined.pk})
    assert refused.status_code == 200
    assert _in(winners) == []

    answer = client.post(page, {"number": 2, "into": winners.pk})
    assert answer.url == reverse("admin:segments_segment_change", args=[winners.pk])
    assert len(_in(winners)) == 2
    history = client.get(reverse("admin:segments_segment_history", args=[winners.pk])).content.decode()
    assert "2 clients of «joined» drawn into «winners»" in history


def test_who_may_not_change_segments_draws_nothing(contest, client):
    client.force_login(User.objects.create_user("guest", is_staff=True))
    page = reverse("admin:segments_segment_draw", args=[contest[0].pk])
    assert client.post(page, {"number": 1, "into": contest[1].pk}).status_code == 403
    assert _in(contest[1]) == []
