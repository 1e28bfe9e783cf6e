"""RFM in the admin: the map, its rules, the clients behind a cell, the client's page (semantics §46)."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from segments.models import RfmScore, RfmSettings, RfmSnapshot
from segments.services import rfm
from tests import builders as b
from tests.builders import NOW
from tests.segments.rfm_shop import base, buyer, order

pytestmark = pytest.mark.django_db

MAP = reverse("admin:segments_rfmsnapshot_changelist")
CLIENTS = reverse("admin:segments_rfmscore_changelist")
DAY = timedelta(days=1)


def take(asof=NOW, **rules):
    return rfm.keep(asof, RfmSettings(**rules), asof, ZoneInfo("Europe/Moscow"))


def words(response):
    """The page's text, without markup and runs of spaces."""
    assert response.status_code == 200
    text = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", text)


def staff(*permissions):
    user = User.objects.create_user("anna", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def test_without_a_snapshot_the_page_says_so(admin_client):
    assert "There is no snapshot yet" in words(admin_client.get(MAP))


def test_the_map_shows_groups_sums_boundaries_and_rules(admin_client):
    base()
    take(window_days=365)
    page = words(admin_client.get(MAP))
    assert "As of March 10, 2026, 3 p.m., Europe/Moscow" in page
    assert "5 buyers 35 purchases 29 000 RUB" in page.replace("\u00a0", " ")
    assert "Champions 1 20.0 % 9 000 RUB 31.0 %" in page.replace("\u00a0", " ")
    assert "the last 365 days before the snapshot" in page
    assert "17 · 33 · 49 · 65" in page
    assert "equal values share a score" in page
    assert "This is the first snapshot with buyers" in page


def test_a_cell_leads_to_its_clients_and_a_group_to_all_of_its_cells(admin_client):
    people = base()
    take()
    page = admin_client.get(MAP).content.decode()
    assert f'href="{CLIENTS}?r=5&amp;f=5"' in page
    assert f'href="{CLIENTS}?r=5&amp;f=1"' not in page  # nobody is there
    asked = {"r=5&f=5": people[:1], "group=hibernating": people[3:], "band=best": people[:2], "m=3": people[2:3]}
    for query, expected in asked.items():
        found = admin_client.get(f"{CLIENTS}?{query}").context["cl"].result_list
        assert {score.client_id for score in found} == {person.pk for person in expected}


def test_nonsense_in_the_address_is_no_error(admin_client):
    base()
    take()
    for query in ("snapshot=x", "snapshot=99999", "by=<b>", "snapshot=" + "9" * 40):
        assert "Champions" in words(admin_client.get(f"{MAP}?{query}"))
    for query in ("group=kings", "r=9", "band=", "f=x"):
        assert admin_client.get(f"{CLIENTS}?{query}").status_code == 200


def test_moves_and_older_snapshots_are_shown(admin_client):
    worst = base()[-1]
    first = take()
    order(worst, NOW + DAY)
    buyer(now=NOW + DAY)
    take(NOW + 2 * DAY)
    page = words(admin_client.get(MAP))
    assert re.search(r"Hibernating \S+ Promising|Hibernating \S+ New", page)
    assert "no score" in page
    older = admin_client.get(f"{MAP}?snapshot={first.pk}")
    assert "to the newest snapshot" in words(older)
    assert f'href="{CLIENTS}?r=' not in older.content.decode()  # who was where is not kept


def test_the_number_of_queries_does_not_grow(admin_client, django_assert_max_num_queries):
    base()
    for day in range(4):
        take(NOW + day * DAY)
    with django_assert_max_num_queries(10):
        admin_client.get(MAP)
    with django_assert_max_num_queries(12):
        admin_client.get(CLIENTS)


def test_recompute_now_asks_and_the_page_waits(admin_client):
    base()
    take()
    page = words(admin_client.post(reverse("admin:segments_rfm_recompute"), follow=True))
    assert "The snapshot is being taken" in page
    asked = rfm.current().requested_at
    assert rfm.recompute_due(asked + timedelta(seconds=5)).asof == asked + timedelta(seconds=5)
    assert "The snapshot is being taken" not in words(admin_client.get(MAP))
    assert RfmSnapshot.objects.count() == 2


def test_rules_are_edited_on_their_page(admin_client):
    url = reverse("admin:segments_rfmsettings_changelist")
    form = admin_client.get(url, follow=True)
    assert form.status_code == 200
    values = {"window_days": "365", "taken_at": "04:30", "ties": "first", "zero_spend": "count"}
    said = words(admin_client.post(form.redirect_chain[-1][0], values, follow=True))
    assert "decide from the next snapshot on" in said
    saved = RfmSettings.objects.get()
    assert (saved.window_days, f"{saved.taken_at:%H:%M}", saved.ties, saved.zero_spend) == (
        365,
        "04:30",
        "first",
        "count",
    )
    refused = admin_client.post(form.redirect_chain[-1][0], values | {"window_days": "0"})
    assert refused.context["adminform"].form.errors.keys() == {"window_days"}


def test_who_may_see_may_not_recompute(client):
    base()
    take()
    client.force_login(staff("view_rfmsnapshot"))
    page = client.get(MAP)
    assert "Recompute now" not in words(page)
    assert CLIENTS not in page.content.decode()
    assert client.post(reverse("admin:segments_rfm_recompute")).status_code == 403
    assert client.get(CLIENTS).status_code == 403


def test_who_may_nothing_sees_nothing(client):
    client.force_login(staff())
    assert client.get(MAP).status_code == 403


def test_a_clients_page_shows_the_group(admin_client):
    best = base()[0]
    stranger = b.client()
    take()
    page = words(admin_client.get(reverse("admin:loyalty_client_change", args=[best.pk])))
    assert "Champions since March 10, 2026" in page
    assert "9 purchases" in page
    assert "9 000.00 RUB" in page.replace("\u00a0", " ")
    assert "Champions" not in words(admin_client.get(reverse("admin:loyalty_client_change", args=[stranger.pk])))
    assert RfmScore.objects.count() == 5
