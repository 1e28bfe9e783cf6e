"""`manage.py rfm` (contract §1): its JSON, its rules, and the published counts of a known data set (docs/rfm.md)."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from loyalty.models import Event
from segments.models import RfmScore, RfmSnapshot
from segments.rfm import RfmBand, RfmGroup
from segments.services import rfm
from tests.builders import NOW
from tests.loyalty.test_import_orders import SAMPLE, needs_sample
from tests.segments.rfm_shop import base, buyer

pytestmark = pytest.mark.django_db

# Counts published for the Online Retail data set: sheet "Year 2010-2011" of its second edition, snapshot 2011-12-11,
# cancelled invoices and rows without a customer left out, quantity and price above 0; R and M by pandas.qcut, F by
# pandas.qcut of rank(method="first").
PUBLISHED = {
    "champions": 633,
    "loyal": 819,
    "potential_loyalists": 484,
    "new": 42,
    "promising": 94,
    "need_attention": 187,
    "about_to_sleep": 352,
    "at_risk": 593,
    "cant_lose": 63,
    "hibernating": 1071,
}


def said(**options):
    out = io.StringIO()
    call_command("rfm", stdout=out, **options)
    return out.getvalue()


def told(**options):
    return json.loads(said(json=True, **options))


def test_the_json_counts_clients_by_group_band_and_cell():
    base()
    answer = told(asof="2026-03-11")
    assert answer["asof"] == "2026-03-11T00:00:00+03:00"
    assert (answer["ties"], answer["window_days"], answer["zero_spend"]) == ("together", None, "ignore")
    assert (answer["buyers"], answer["purchases"], answer["revenue"]) == (5, 35, "29000.00")
    assert set(answer["groups"]) == set(RfmGroup.values)
    assert answer["groups"]["champions"] == 1
    assert answer["groups"]["hibernating"] == 2
    assert sum(answer["groups"].values()) == sum(answer["bands"].values()) == 5
    assert set(answer["bands"]) == set(RfmBand.values)
    assert {"r": 5, "f": 5, "group": "champions", "clients": 1, "revenue": "9000.00"} in answer["cells"]
    assert answer["cuts"]["m"] == [3960.0, 5040.0, 6240.0, 7560.0]
    assert answer["ranges"]["m"][4] == ["9000.00", "9000.00"]


def test_a_day_is_its_start_in_the_programmes_zone():
    buyer(days_ago=0, now=NOW)
    assert told(asof="2026-03-10")["buyers"] == 0
    assert told(asof="2026-03-10T15:00:01")["buyers"] == 1  # Moscow
    assert told(asof="2026-03-10T12:00:00Z")["buyers"] == 0
    assert told(asof="2026-03-11")["ranges"]["r"][4] == [0, 0]


def test_the_command_looks_and_stores_nothing_unless_told_to_keep():
    base()
    told(asof="2026-03-11")
    assert not RfmSnapshot.objects.exists()
    told(asof="2026-03-11", keep=True)
    assert RfmScore.objects.count() == 5
    assert not Event.objects.filter(name="rfm.changed").exists()
    with pytest.raises(CommandError, match="the last snapshot is as of"):
        told(asof="2026-03-11", keep=True)


def test_rules_come_from_the_admin_unless_they_are_given():
    buyer(days_ago=40)
    saved = rfm.current()
    saved.window_days, saved.ties = 30, "first"
    saved.save()
    answer = told(asof="2026-03-11")
    assert (answer["buyers"], answer["window_days"], answer["ties"]) == (0, 30, "first")
    assert answer["window_from"] == "2026-02-09T00:00:00+03:00"
    answer = told(asof="2026-03-11", window="all", ties="together")
    assert (answer["buyers"], answer["window_days"], answer["ties"]) == (1, None, "together")
    assert told(asof="2026-03-11", window="60")["buyers"] == 1


def test_for_people_it_prints_the_rules_the_groups_and_the_boundaries():
    base()
    words = said(asof="2026-03-11")
    assert "Europe/Moscow" in words
    assert "5 buyers, 35 purchases, 29000.00 RUB" in words
    assert "champions" in words
    assert "20.0%" in words
    assert "5: 1–1" in words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"asof": "yesterday"}, "--asof"),
        ({"asof": "2011-13-01"}, "--asof"),
        ({"window": "0"}, "--window"),
        ({"window": "-5"}, "--window"),
        ({"window": "x"}, "--window"),
        ({"asof": (NOW + timedelta(days=365_00)).isoformat(), "keep": True}, "not there yet"),
    ],
)
def test_bad_input_is_refused_in_words(options, words):
    with pytest.raises(CommandError, match=words):
        said(**options)


@pytest.mark.long
@needs_sample
def test_published_counts_of_online_retail_are_reached():
    call_command("import_orders", SAMPLE, json=True, currency="GBP", stdout=io.StringIO(), stderr=io.StringIO())
    answer = told(asof="2011-12-11", ties="first")
    assert answer["groups"] == PUBLISHED
    assert answer["buyers"] == 4338
    assert answer["ranges"]["r"] == [[181, 374], [73, 180], [34, 72], [15, 33], [1, 13]]
    assert answer["ranges"]["f"][4] == [6, 209]
