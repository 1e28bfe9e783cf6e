"""Segments in the admin."""

import re

import pytest
from django.urls import reverse

from loyalty.models import Event
from segments.models import Membership, Segment
from tests.builders import client

pytestmark = pytest.mark.django_db


def test_members_of_a_segment_come_and_go_as_events(admin_client):
    person = client(phone="+79161234567")
    segment = Segment.objects.create(name="VIP", slug="vip")
    url = reverse("admin:segments_segment_members", args=[segment.pk])
    page = admin_client.post(url, {"who": "8 916 123 45 67"}, follow=True).content.decode()
    assert str(person) in page
    assert Event.objects.filter(client=person, name="segment.entered").count() == 1
    assert "No client has this" in admin_client.post(url, {"who": "nobody"}, follow=True).content.decode()
    admin_client.post(url, {"remove": person.pk})
    assert not Membership.objects.exists()
    assert Event.objects.filter(client=person, name="segment.left").count() == 1
    assert admin_client.get(url).status_code == 405


def test_list_shows_sizes(admin_client):
    segment = Segment.objects.create(name="VIP", slug="vip", colour="#123456")
    admin_client.post(reverse("admin:segments_segment_members", args=[segment.pk]), {"who": client().email})
    page = admin_client.get(reverse("admin:segments_segment_changelist")).content.decode()
    assert "--segment: #123456" in page
    assert re.search(r"field-clients[^>]*>\s*1\s*<", page)
