"""Every refusal is a problem document that names what is wrong."""

import pytest
from django.db import IntegrityError, OperationalError

from loyalty.api import clients as clients_api
from loyalty.models import Client
from tests import builders as b
from tests.loyalty.api.calling import Till, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/unicorns/", "/api/v2/clients/", "clients/1/unicorns/"])
def test_an_address_that_is_none(till, path):
    problem(till.get(path), 404, "not-found")


@pytest.mark.parametrize(
    "ref",
    [
        "999999999",
        "0",
        "-1",
        "9" * 30,
        "abc",
        "phone:",
        "phone:+7999",
        "phone:abc",
        "email:x",
        "email:nobody@example.com",
        "external:shop",
        "external::1",
        "external:shop:none",
        "%00",
        "%F0%9F%98%80",
        "phone:%2B79990000000",
    ],
)
def test_a_client_who_is_not_there(till, ref):
    problem(till.get(f"clients/{ref}/"), 404, "not-found")
    problem(till.get(f"clients/{ref}/ledger/"), 404, "not-found")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS"])
def test_a_method_that_is_none(till, method):
    problem(till.call(method, "clients/"), 405, "method-not-allowed")


@pytest.mark.parametrize(
    "raw",
    [b"{", b"nonsense", b"[]", b'"text"', b"1", b"\xff\xfe", b"\x00", b'{"first_name": "a\\u0000b"}', b"[" * 10_000],
)
def test_a_body_that_cannot_be_read(till, raw):
    problem(till.call("POST", "clients/", raw), 400, "unreadable")


def test_a_body_that_is_no_json_by_its_header(till):
    answer = till.browser.post(
        "/api/v1/clients/",
        "a=1",
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {till.secret}", "Idempotency-Key": "k"},
    )
    problem(answer, 415, "unsupported-media-type")


def test_a_body_that_is_too_large(till, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    problem(till.post("clients/", {"email": "a@example.com", "first_name": "a" * 100}), 413, "too-large")


def test_only_json_is_spoken(till):
    problem(till.get("clients/", Accept="text/html"), 406, "not-acceptable")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=-1", "page_size"),
        ("page_size=many", "page_size"),
        ("cursor=x", "cursor"),
        ("cursor=cD1hYmM%3D", "cursor"),
        ("cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor"),
        ("cursor=bz0xMDA%3D", "cursor"),
        ("phon=1", "phon"),
    ],
)
def test_a_query_that_is_wrong(till, query, field):
    problem(till.get(f"clients/?{query}"), 400, "invalid", field)


def test_a_filter_that_is_wrong(till):
    problem(till.get("events/?client=unicorn"), 400, "invalid", "client")
    problem(till.get("messages/?status=flying"), 400, "invalid", "status")
    problem(till.get("messages/?scenario=x"), 400, "invalid", "scenario")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"first_name": "Anna"}, "body"),
        ({"phone": "12"}, "phone"),
        ({"phone": "555-SHIP"}, "phone"),
        ({"email": "a@"}, "email"),
        ({"email": "a@example.com", "birthday": "31.05.1990"}, "birthday"),
        ({"email": "a@example.com", "birthday": "1790-05-31"}, "birthday"),
        ({"email": "a@example.com", "gender": "x"}, "gender"),
        ({"email": "a@example.com", "zone": "Mars/Base"}, "zone"),
        ({"email": "a@example.com", "attributes": []}, "attributes"),
        ({"email": "a@example.com", "registered_at": "2999-01-01"}, "registered_at"),
        ({"email": "a@example.com", "registered_at": 10**30}, "registered_at"),
        ({"email": "a@example.com", "consents": {"pigeon": True}}, "consents.pigeon"),
        ({"email": "a@example.com", "consents": {"email": "perhaps"}}, "consents.email"),
        ({"email": "a@example.com", "first_name": "a" * 200}, "first_name"),
        ({"email": "a@example.com", "first_name": {"a": 1}}, "first_name"),
        ({"external_id": "null"}, "external_id"),
        ({"external_id": "x" * 300}, "external_id"),
    ],
)
def test_a_field_that_is_wrong(till, body, field):
    problem(till.post("clients/", body), 400, "invalid", field)
    assert not Client.objects.exists()


def test_an_event_that_is_not_understood(till):
    problem(till.post("events/", {"type": "cart.updated", "data": {"lines": 1}}), 400, "invalid", "data.lines")
    problem(till.post("events/", {}), 400, "invalid", "type")
    problem(till.post("events/", {"type": "bonus.accrued"}), 400, "invalid", "type")


def test_a_place_in_a_list_is_named(till):
    segment = b.segment()
    body = {"clients": [str(b.client().pk), "unicorn"]}
    problem(till.post(f"segments/{segment.pk}/clients/", body), 400, "invalid", "clients[1]")


@pytest.mark.parametrize("error", [OperationalError, IntegrityError])
def test_a_database_that_is_away_or_refuses_is_a_503_to_be_tried_again(till, monkeypatch, error):
    def away(*_args: object, **_values: object) -> None:
        raise error("gone")

    monkeypatch.setattr(clients_api, "client_or_404", away)
    answer = till.get("clients/1/")
    problem(answer, 503, "unavailable")
    assert int(answer["Retry-After"]) > 0


def test_what_nobody_expected_is_logged_and_told_without_its_words(till, monkeypatch, caplog):
    def breaks(*_args: object, **_values: object) -> None:
        raise RuntimeError("anna@example.com")

    monkeypatch.setattr(clients_api, "client_or_404", breaks)
    told = problem(till.get("clients/1/"), 500, "failure")
    assert "anna" not in str(told)
    assert any(record.exc_info for record in caplog.records)
