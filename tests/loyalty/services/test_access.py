"""Gifts and accesses: held until their end, ended once (mechanics T44)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from loyalty.models import AccessGrant, Event
from loyalty.services import access
from loyalty.services.access import Access
from tests import builders as b
from tests.builders import NOW

DAY = timedelta(days=1)


def _events():
    return list(Event.objects.filter(name__startswith="access.").order_by("pk").values_list("name", flat=True))


@pytest.mark.django_db
class TestRules:
    def test_a_code_is_made_and_holds_until_its_end_whether_or_not_the_job_ran(self):
        anna = b.client()
        made = access.grant("t", Access(anna.pk, "Club", "k", NOW + DAY), NOW)
        assert len(made.normal) == 16
        assert access.holds(made.code.lower(), NOW).client == anna
        assert access.holds(made.code, NOW + DAY - timedelta(microseconds=1))
        assert access.holds(made.code, NOW + DAY) is None

    def test_a_key_is_granted_once(self):
        anna = b.client()
        first = access.grant("t", Access(anna.pk, "Club", "k"), NOW)
        assert access.grant("t", Access(anna.pk, "Club", "k"), NOW + DAY).pk == first.pk
        assert _events() == ["access.granted"]

    def test_the_end_comes_once_at_its_time(self):
        made = access.grant("t", Access(b.client().pk, "Club", "k", NOW + DAY), NOW)
        assert access.end_due(NOW + DAY - timedelta(seconds=1)) == 0
        assert access.end_due(NOW + 3 * DAY) == 1
        assert access.end_due(NOW + 3 * DAY) == 0
        made.refresh_from_db()
        assert (made.ended_at, made.revoked) == (NOW + DAY, False)
        assert _events() == ["access.granted", "access.ended"]
        assert not access.revoke(made.pk, NOW + 4 * DAY)

    def test_revoking_ends_at_once_and_once(self):
        made = access.grant("t", Access(b.client().pk, "Club", "k", NOW + DAY), NOW)
        assert access.revoke(made.pk, NOW, "misuse")
        assert not access.revoke(made.pk, NOW)
        assert access.holds(made.code, NOW) is None
        assert access.end_due(NOW + 3 * DAY) == 0
        assert Event.objects.get(name="access.ended").payload["revoked"]

    def test_a_link_needs_no_code(self):
        made = access.grant("t", Access(b.client().pk, "Gift", "k", kind="gift", link="https://x.example/g"), NOW)
        assert (made.code, made.normal) == ("", "")
        assert access.holds("", NOW) is None

    def test_a_code_is_one_grants(self):
        anna = b.client()
        access.grant("t", Access(anna.pk, "Club", "a", code="VIP-2026"), NOW)
        with pytest.raises(access.AccessError, match="code"):
            access.grant("t", Access(anna.pk, "Club", "b", code="vip 2026"), NOW)
        assert AccessGrant.objects.count() == 1

    def test_an_end_that_has_passed_is_refused(self):
        with pytest.raises(access.AccessError, match="ends_at"):
            access.grant("t", Access(b.client().pk, "Club", "k", NOW), NOW)


@pytest.mark.django_db(transaction=True)
def test_revoked_and_ended_at_once_by_many_it_ends_once():
    made = access.grant("t", Access(b.client().pk, "Club", "k", NOW + DAY), NOW)

    def one(number):
        try:
            return access.revoke(made.pk, NOW) if number % 2 else bool(access.end_due(NOW + DAY))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(one, range(8))).count(True) == 1
    assert _events() == ["access.granted", "access.ended"]
