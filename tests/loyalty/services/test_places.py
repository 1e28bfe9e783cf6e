"""Where clients are, and who came near a store."""

from datetime import timedelta
from math import asin, cos, radians, sin, sqrt

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from loyalty.models import Client, ClientLocation, Event, Store, UnreadEvent
from loyalty.services import distance, merge, places, zones
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

ARBAT = (55.7520, 37.5927)
NEAR = (55.7530, 37.5930)  # some 110 m away
FAR = (55.8000, 37.6500)


def store(slug="arbat", place=ARBAT, radius=300, **values):
    return Store.objects.create(
        name=slug.title(), slug=slug, latitude=place[0], longitude=place[1], radius_m=radius, **values
    )


def seen(origin, who, place, at=NOW, **values):
    return b.happened(origin, "location.updated", at, about=who, location=place, **values)


def entered():
    return list(Event.objects.filter(name="geofence.entered").order_by("pk"))


@pytest.fixture
def shop():
    return b.source()


@pytest.fixture
def anna(shop):
    made = b.client()
    b.identify(shop, made)
    return made


def test_coming_near_a_store_is_told_once_a_day(shop, anna):
    store()
    record(shop, [seen(shop, anna, FAR)], NOW)
    assert entered() == []
    walk = [NEAR, ARBAT, FAR, NEAR]
    record(shop, [seen(shop, anna, place, NOW + timedelta(minutes=5 * n)) for n, place in enumerate(walk, 1)], NOW)
    (event,) = entered()
    assert event.client == anna
    assert event.payload["store"] == "arbat"
    assert event.payload["open"] is True
    assert 100 < event.payload["distance_m"] < 130
    assert event.occurred_at == NOW + timedelta(minutes=5)
    assert UnreadEvent.objects.filter(event=event).exists()

    tomorrow = NOW + timedelta(days=1)
    record(shop, [seen(shop, anna, NEAR, tomorrow)], tomorrow)
    assert len(entered()) == 2


def test_whoever_stays_does_not_enter_again_and_an_old_place_says_nothing(shop, anna):
    store()
    late = NOW.replace(hour=20)  # 23:00 in Moscow: the next report is of the next day
    record(shop, [seen(shop, anna, NEAR, late)], late)
    record(shop, [seen(shop, anna, ARBAT, late + timedelta(hours=2))], late)
    assert len(entered()) == 1
    record(shop, [seen(shop, anna, ARBAT, late + timedelta(hours=15))], late)
    assert len(entered()) == 2


def test_late_news_moves_nobody(shop, anna):
    store()
    record(shop, [seen(shop, anna, FAR)], NOW)
    record(shop, [seen(shop, anna, NEAR, NOW - timedelta(minutes=1))], NOW)
    place = ClientLocation.objects.get()
    assert (place.latitude, place.longitude, place.located_at) == (*FAR, NOW)
    assert entered() == []


def test_areas_that_overlap_are_entered_each_and_a_closed_store_never(shop, anna):
    store()
    store("square", NEAR, radius=1000)
    store("gone", NEAR, active=False)
    record(shop, [seen(shop, anna, NEAR)], NOW)
    assert {event.payload["store"] for event in entered()} == {"arbat", "square"}


def test_imported_places_trigger_nothing(shop, anna):
    store()
    record(shop, [seen(shop, anna, NEAR, triggers=False)], NOW)
    assert len(entered()) == 1
    assert not UnreadEvent.objects.exists()


def test_a_batch_costs_the_same_number_of_queries_however_many(shop, django_assert_num_queries):
    store()
    facts = [seen(shop, person, NEAR) for person in b.clients(200, consent=False)]
    pairs = [(fact, person.pk) for fact, person in zip(facts, Client.objects.order_by("pk"), strict=True)]
    places.apply(pairs[:1], NOW)
    with django_assert_num_queries(5):  # lock, keep, who entered, whose events, the events
        places.apply(pairs[1:], NOW)
    assert len(entered()) == 200


def test_of_two_who_are_one_the_newer_place_stays():
    guest, customer = b.clients(2, consent=False)
    ClientLocation.objects.create(client=guest, latitude=1, longitude=2, located_at=NOW)
    places.merge(guest.pk, customer.pk)
    assert ClientLocation.objects.get().client == customer
    ClientLocation.objects.create(client=guest, latitude=3, longitude=4, located_at=NOW - timedelta(days=1))
    merge.merge(guest.pk, customer.pk, NOW)
    assert ClientLocation.objects.get().latitude == 1


def test_zone_is_the_clients_own_then_the_home_stores_then_the_programmes(settings):
    settings.TIME_ZONE = "Europe/Moscow"
    home = store(zone="Asia/Omsk")
    plain = store("plain", FAR)
    who = [b.client(zone="Asia/Tokyo", store=home), b.client(store=home), b.client(store=plain), b.client()]
    found = zones.of_clients([person.pk for person in who])
    assert [found[person.pk].key for person in who] == ["Asia/Tokyo", "Asia/Omsk", "Europe/Moscow", "Europe/Moscow"]


degrees = st.tuples(
    st.floats(-90, 90).map(lambda degree: round(degree, 7)), st.floats(-180, 180).map(lambda degree: round(degree, 7))
)


def _model(here, there):
    lat1, lon1, lat2, lon2 = map(radians, (*here, *there))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371008.8 * asin(min(1, sqrt(half)))


@given(degrees, degrees, st.integers(20, 50_000))
def test_distance_is_the_great_circles(here, there, radius):
    points = ("%(a)s::float8", "%(b)s::float8", "%(c)s::float8", "%(d)s::float8")
    values = {"a": here[0], "b": here[1], "c": there[0], "d": there[1], "r": radius}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {distance.metres(*points)}, {distance.within(*points, '%(r)s')}", values)
        metres, near = cursor.fetchone()
    assert metres == pytest.approx(_model(here, there), abs=0.01)
    assert near == (metres <= radius)
