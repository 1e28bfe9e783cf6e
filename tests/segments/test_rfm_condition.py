"""The condition on RFM: groups, bands, scores, no score (semantics §44, §46)."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.models import RfmCondition, RfmScore, RfmSettings
from segments.rfm import BANDS, GROUPS, RfmBand, RfmGroup
from segments.services import rfm
from segments.services.evaluate import changing, explain, matching
from tests import builders as b
from tests.builders import NOW
from tests.segments.rfm_shop import base

pytestmark = pytest.mark.django_db

CELLS = [(r, f) for r in range(1, 6) for f in range(1, 6)]


def scored(r, f, m=3):
    person = b.client(consent=False)
    RfmScore.objects.create(client=person, r=r, f=f, m=m, last_at=NOW, frequency=1, monetary=100_00, since=NOW)
    return person


def holds(condition, *people):
    condition.clean()
    found = matching(condition, [person.pk for person in people], NOW)
    return [person.pk in found for person in people]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cell=st.sampled_from(CELLS),
    groups=st.sets(st.sampled_from(RfmGroup.values), min_size=1),
    bands=st.sets(st.sampled_from(RfmBand.values), min_size=1),
)
def test_a_cell_is_in_its_group_and_in_its_band_alone(cell, groups, bands):
    person, stranger = scored(*cell), b.client(consent=False)
    assert holds(RfmCondition(groups=list(groups)), person, stranger) == [GROUPS[cell] in groups, False]
    wanted = RfmCondition(what="bands", bands=list(bands))
    assert holds(wanted, person, stranger) == [BANDS[GROUPS[cell]] in bands, False]
    assert explain(wanted, person.pk, NOW).holds == (BANDS[GROUPS[cell]] in bands)


def test_both_ends_of_every_range_count():
    people = [scored(r, 3, 3) for r in (2, 3, 4, 5)]
    condition = RfmCondition(what="scores", r_from=3, r_to=4, f_from=3, f_to=3)
    assert holds(condition, *people) == [False, True, True, False]
    assert holds(RfmCondition(what="scores", m_from=4), *people) == [False] * 4
    assert holds(RfmCondition(what="scores"), *people, b.client()) == [True] * 4 + [False]


def test_no_score():
    assert holds(RfmCondition(what="none"), scored(5, 5), b.client()) == [False, True]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"groups": ["loyal", "champions"]}, "in the RFM group «Champions» or «Loyal»"),
        ({"what": "bands", "bands": ["best"]}, "in the RFM band «Best»"),
        ({"what": "scores", "r_from": 4, "f_to": 2, "m_from": 5}, "RFM scores: recency 4–5, frequency 1–2, money 5"),
        ({"what": "scores"}, "RFM scores: any"),
        ({"what": "none"}, "has no RFM score"),
    ],
)
def test_it_says_itself(values, sentence):
    assert RfmCondition(**values).sentence() == sentence


def test_it_says_what_it_saw():
    condition = RfmCondition(groups=["champions"])
    assert explain(condition, scored(5, 4, 2).pk, NOW).seen == "Champions: recency 5, frequency 4, money 2"
    assert explain(condition, b.client().pk, NOW).seen == "has no RFM score"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"groups": []}, "groups"),
        ({"groups": ["kings"]}, "groups"),
        ({"groups": "loyal"}, "groups"),
        ({"what": "bands", "bands": []}, "bands"),
        ({"what": "scores", "r_from": 4, "r_to": 3}, "r_to"),
        ({"what": "scores", "m_from": 6}, "m_from"),
    ],
)
def test_what_means_nothing_is_refused(values, field):
    with pytest.raises(ValidationError) as refused:
        RfmCondition(**values).full_clean()
    assert field in refused.value.message_dict


def test_answers_change_with_a_snapshot_alone():
    people = {person.pk for person in base()}

    def may_change(then, now):
        with connection.cursor() as cursor:
            cursor.execute(*changing(RfmCondition(groups=["loyal"]), then, now))
            return {pk for (pk,) in cursor.fetchall()}

    minute = timedelta(minutes=1)
    rfm.keep(NOW, RfmSettings(), NOW, ZoneInfo("Europe/Moscow"))
    assert may_change(NOW - minute, NOW) == people
    assert may_change(NOW + 2 * minute, NOW + 3 * minute) == set()
    # Committed after somebody had looked: it is looked at again.
    assert may_change(NOW + minute / 2, NOW + 2 * minute) == people
