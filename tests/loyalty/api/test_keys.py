"""Who gets in, and how often."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from loyalty.api import throttle
from loyalty.models import ApiKey
from loyalty.services import api_keys
from tests import builders as b
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


class TestCommand:
    def test_prints_a_key_once_and_stores_its_hash(self):
        out = StringIO()
        call_command("create_api_key", "Till 1", "--scopes", "clients:read, clients:write", "--json", stdout=out)
        shown = json.loads(out.getvalue())
        row = ApiKey.objects.get(name="Till 1")
        assert shown["scopes"] == row.scopes == ["clients:read", "clients:write"]
        assert shown["key"].startswith(row.prefix)
        assert row.key_hash == ApiKey.hash_key(shown["key"])
        assert shown["key"] not in {str(value) for value in vars(row).values()}

    def test_speaks_for_a_source_where_told(self):
        b.source(slug="shop")
        call_command("create_api_key", "Till", "--scopes", "clients:read", "--source", "shop", stdout=StringIO())
        assert ApiKey.objects.get().source.slug == "shop"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["Till", "--scopes", "clients:fly"], "clients:fly"),
            (["Till", "--scopes", ","], "scope"),
            ([" ", "--scopes", "clients:read"], "name"),
            (["Till", "--scopes", "clients:read", "--source", "none"], "none"),
        ],
    )
    def test_says_what_is_wrong(self, arguments, words):
        with pytest.raises(CommandError, match=words):
            call_command("create_api_key", *arguments, stdout=StringIO())
        assert not ApiKey.objects.exists()

    def test_refuses_a_name_that_is_taken(self):
        call_command("create_api_key", "Till", "--scopes", "clients:read", stdout=StringIO())
        with pytest.raises(CommandError, match="already"):
            call_command("create_api_key", "Till", "--scopes", "clients:read", stdout=StringIO())


class TestGettingIn:
    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic bGs6", "Bearer lk_\xff\xfe", "Bearer a b"])
    def test_without_a_working_key_nobody_does(self, client, header):
        answer = client.get("/api/v1/clients/", headers={"Authorization": header} if header else {})
        problem(answer, 401, "unauthenticated")
        assert answer["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("change", [{"active": False}, {"expires_at": timezone.now() - timedelta(seconds=1)}])
    def test_a_key_that_is_off_or_over_does_not(self, change):
        till = Till("clients:read")
        assert till.get("clients/").status_code == 200
        ApiKey.objects.update(**change)
        problem(till.get("clients/"), 401)

    def test_it_costs_one_query(self, django_assert_num_queries):
        till = Till("segments:read")
        till.get("segments/")
        with django_assert_num_queries(2):  # the key, the page
            assert till.get("segments/").status_code == 200

    def test_the_last_use_is_written_seldom(self):
        till = Till("clients:read")
        till.get("clients/")
        first = ApiKey.objects.get().last_used_at
        assert first is not None
        till.get("clients/")
        assert ApiKey.objects.get().last_used_at == first
        ApiKey.objects.update(last_used_at=first - api_keys.USE_WRITTEN_EVERY)
        till.get("clients/")
        assert ApiKey.objects.get().last_used_at > first

    def test_answers_are_not_stored_on_the_way(self):
        assert Till().get("clients/")["Cache-Control"] == "no-store"


class TestScopes:
    READS = ["clients", "events", "products", "segments", "messages", "scenarios"]

    @pytest.mark.parametrize("resource", READS)
    def test_reading_needs_the_scope_of_the_resource(self, resource):
        assert Till(f"{resource}:read").get(f"{resource}/").status_code == 200
        told = problem(Till(f"{resource}:write").get(f"{resource}/"), 403, "forbidden")
        assert f"{resource}:read" in told["detail"]

    @pytest.mark.parametrize("resource", ["clients", "events"])
    def test_writing_needs_its_own(self, resource):
        body = {"type": "visit.completed", "email": "a@example.com"}
        problem(Till(f"{resource}:read").post(f"{resource}/", body), 403, "forbidden")
        assert Till(f"{resource}:write").post(f"{resource}/", body).status_code == 201

    def test_a_read_of_a_clients_balance_needs_the_clients(self):
        anna = b.client()
        problem(Till("segments:read").get(f"clients/{anna.pk}/balance/"), 403)


class TestThrottle:
    def test_a_key_has_its_rate(self, valkey):
        till, other = Till("clients:read"), Till("clients:read")
        ApiKey.objects.filter(pk=till.row.pk).update(rate=3)
        statuses = [till.get("clients/").status_code for _ in range(4)]
        if 429 not in statuses:  # a new minute began in between
            statuses = [till.get("clients/").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        answer = till.get("clients/")
        problem(answer, 429, "throttled")
        assert 0 < int(answer["Retry-After"]) <= throttle.WINDOW + 1
        assert other.get("clients/").status_code == 200

    def test_the_rate_of_the_installation_is_for_all_others(self, valkey, settings):
        settings.API_RATE = 1
        till = Till("clients:read")
        assert 429 in {till.get("clients/").status_code for _ in range(3)}

    def test_without_redis_the_api_goes_on_and_counts_by_process(self, settings, monkeypatch):
        elsewhere = {"LOCATION": "redis://127.0.0.1:1/0"}  # nothing listens there
        settings.CACHES = settings.CACHES | {"shared": settings.CACHES["shared"] | elsewhere}
        monkeypatch.setattr(throttle._away, "until", 0.0)
        till = Till("clients:read")
        ApiKey.objects.update(rate=2)
        assert {till.get("clients/").status_code for _ in range(5)} == {200, 429}
