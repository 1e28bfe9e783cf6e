"""Stores in the admin."""

import pytest
from django.urls import reverse

from loyalty.models import Store
from tests import builders as b

pytestmark = pytest.mark.django_db

ARBAT = {
    "name": "Arbat",
    "slug": "arbat",
    "address": "",
    "latitude": "55.7520",
    "longitude": "37.5927",
    "radius_m": "300",
    "zone": "",
    "active": "on",
}


def save(admin_client, **values):
    return admin_client.post(reverse("admin:loyalty_store_add"), ARBAT | values)


def test_hours_are_written_as_people_write_them(admin_client):
    assert save(admin_client, hours_mon="9:00-13:00, 14:00 – 18:00", hours_fri="18:00—02:00").status_code == 302
    store = Store.objects.get()
    assert store.hours == {"mon": [["9:00", "13:00"], ["14:00", "18:00"]], "fri": [["18:00", "02:00"]]}
    page = admin_client.get(reverse("admin:loyalty_store_change", args=[store.pk])).content.decode()
    assert "9:00–13:00, 14:00–18:00" in page


@pytest.mark.parametrize("text", ["9 till 5", "09:00", "18:00–18:00", "09:00–13:00–15:00", "09:00–13:00, 12:00–15:00"])
def test_hours_that_make_no_sense_are_answered_beside_their_day(admin_client, text):
    answer = save(admin_client, hours_wed=text)
    assert answer.status_code == 200
    assert "hours_wed" in answer.context["adminform"].form.errors
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("latitude", "91"), ("longitude", "-181"), ("latitude", "nan"), ("radius_m", "0"), ("zone", "Mars/Base")],
)
def test_a_place_off_the_earth_is_refused(admin_client, field, value):
    assert field in save(admin_client, **{field: value}).context["adminform"].form.errors


def test_the_list_says_who_is_at_home_and_whether_it_is_open(admin_client):
    store = Store.objects.create(name="Arbat", slug="arbat", latitude=55.75, longitude=37.59)
    b.client(store=store)
    page = admin_client.get(reverse("admin:loyalty_store_changelist"))
    assert page.context["cl"].result_list[0].home == 1


def test_staff_choose_the_home_store_of_a_client(admin_client):
    store = Store.objects.create(name="Arbat", slug="arbat", latitude=55.75, longitude=37.59)
    person = b.client()
    url = reverse("admin:loyalty_client_change", args=[person.pk])
    answer = admin_client.post(url, {"first_name": "Anna", "store": store.pk})
    assert answer.status_code == 302
    person.refresh_from_db()
    assert person.store == store
