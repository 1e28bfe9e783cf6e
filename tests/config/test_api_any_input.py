"""Whatever is sent to the API: an answer that can be acted on, never a 500 (contract §3)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.api import order_forms
from loyalty.models import ApiKey, PromoPool
from loyalty.services import ledger, purchases
from tests import builders as b
from tests.loyalty.api.calling import Till
from tests.loyalty.intake.test_any_input import HOSTILE

pytestmark = pytest.mark.django_db

often = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def till() -> Till:
    made = Till()
    ApiKey.objects.update(rate=1_000_000)
    return made


def check(answer: Any) -> None:
    """A success, or a problem document with a status that blames the request."""
    assert answer.status_code < 500, (answer.status_code, answer.content)
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json", answer.content
        assert answer.json()["status"] == answer.status_code


def spoilt(**fields: Any) -> st.SearchStrategy:
    """Objects with some of these fields, each true, of another kind, or missing."""
    return st.fixed_dictionaries({}, optional={name: st.just(true) | HOSTILE for name, true in fields.items()})


REFS = st.lists(st.sampled_from(["1", "phone:+79991234567", "email:a@example.com", "external:shop:1"]) | HOSTILE)
LINES = [{"product_id": "P", "title": "Tea", "quantity": 2, "price": "10.00", "total": "19.00"}]
BODIES: dict[str, st.SearchStrategy] = {
    "clients/": spoilt(
        external_id="C-1",
        phone="+79991234567",
        email="a@example.com",
        first_name="Anna",
        last_name="E",
        birthday="1990-05-31",
        gender="f",
        zone="Europe/Moscow",
        language="ru",
        attributes={"a": 1},
        registered_at="2024-03-01T08:00:00Z",
        referral_code="ABC",
        consents={"email": True},
    ),
    "events/": spoilt(
        type="order.created",
        id="e1",
        timestamp="2025-11-22T10:15:00Z",
        client={"id": "C-1"},
        anonymous_id="x",
        data={"order_id": "1", "lines": [{"product_id": "P", "price": "1.00"}], "total": "1.00"},
    ),
    "bonuses/accruals/": spoilt(
        client="{client}", amount=300, reason="r", activates_at="2030-01-01", expires_at="2031-01-01", lifetime_days=3
    ),
    "bonuses/holds/": spoilt(client="{client}", amount=10, deadline="2031-01-01", reason="r"),
    "bonuses/holds/{hold}/capture/": spoilt(amount=5),
    "bonuses/holds/{hold}/release/": spoilt(),
    "bonuses/refunds/": spoilt(operation=1, amount=5, reason="r"),
    "orders/quote/": spoilt(client="{client}", lines=LINES, spend=5),
    "orders/": spoilt(external_id="A-1", client="{client}", lines=LINES, bonuses=5, deadline="2031-01-01"),
    "orders/{order}/pay/": spoilt(lines=LINES),
    "orders/{order}/cancel/": spoilt(),
    "orders/{order}/refunds/": spoilt(refund_id="R", amount="1.00", goods={"P": "0.50"}),
    "referrals/": spoilt(client="{client}", code="ABC"),
    "promo-codes/{code}/check/": spoilt(client="{client}", order_total="10.00"),
    "promo-codes/{code}/redeem/": spoilt(client="{client}", order_total="10.00", order_id="A-1"),
    "segments/{segment}/clients/": st.fixed_dictionaries({}, optional={"clients": REFS | HOSTILE}),
    "scenarios/{scenario}/enrol/": st.fixed_dictionaries(
        {}, optional={"clients": REFS | HOSTILE, "occurrence": HOSTILE}
    ),
}


def filled(path: str) -> str:
    """The path with ids that are there."""
    if "{hold}" in path:
        anna, now = b.client(), timezone.now()
        ledger.accrue("t", ledger.Grant(anna.pk, 100, f"a{anna.pk}", now), now)
        held = ledger.hold("t", anna.pk, 50, f"h{anna.pk}", now + timedelta(hours=1), now)
        path = path.format(hold=held)
    if "{order}" in path:
        shop, anna, now = b.source(), b.client(), timezone.now()
        lines = order_forms.lines(LINES, "RUB", now)
        order = purchases.create(shop, "A-1", anna.pk, lines, now)
        if "refunds" in path:
            purchases.pay(shop, "A-1", now)
        path = path.format(order=order.pk)
    if "{code}" in path:
        pool = PromoPool.objects.filter(slug="any").first() or b.promo_pool(1, slug="any", kind="shared")
        path = path.format(code=pool.codes.get().code)
    if "{segment}" in path:
        path = path.format(segment=b.segment().pk)
    if "{scenario}" in path:
        draft = b.scenario()
        b.wait(b.trunk(draft))
        path = path.format(scenario=b.live(draft).pk)
    return path


@pytest.mark.parametrize("path", sorted(BODIES))
@often
@given(data=st.data())
def test_spoilt_bodies(till: Till, path: str, data: st.DataObject) -> None:
    body = data.draw(BODIES[path] | HOSTILE)
    if isinstance(body, dict) and body.get("client") == "{client}":
        body["client"] = str(b.client().pk)
    check(till.call("POST", filled(path), json.dumps(body).encode()))


@often
@given(body=BODIES["clients/"])
def test_spoilt_changes(till: Till, body: Any) -> None:
    anna = b.client()
    check(till.call("PATCH", f"clients/{anna.pk}/", json.dumps(body).encode()))


@pytest.mark.parametrize("path", sorted(BODIES))
@often
@given(raw=st.binary(max_size=200))
def test_any_bytes(till: Till, path: str, raw: bytes) -> None:
    check(till.call("POST", path.format(segment=1, scenario=1, hold=1, code=1, order=1), raw))


LISTS = ["clients/", "events/", "products/", "messages/", "segments/", "scenarios/", "clients/1/ledger/"]
NAMES = ["search", "phone", "email", "external_id", "source", "client", "name", "status", "scenario", "cursor"]


@often
@given(
    path=st.sampled_from(LISTS),
    query=st.dictionaries(st.sampled_from([*NAMES, "page_size", "in_stock", "sku"]), st.text(max_size=30), max_size=2),
)
def test_any_query(till: Till, path: str, query: dict[str, str]) -> None:
    answer = Browser(raise_request_exception=False).get(
        f"/api/v1/{path}", query, headers={"Authorization": f"Bearer {till.secret}"}
    )
    check(answer)


@often
@given(ref=st.text(max_size=30), kind=st.sampled_from(["", "phone:", "email:", "external:", "external:shop:"]))
def test_any_address(till: Till, ref: str, kind: str) -> None:
    address = f"/api/v1/clients/{kind}{ref}/".replace("\\", "").replace("?", "").replace("#", "")
    check(Browser(raise_request_exception=False).get(address, headers={"Authorization": f"Bearer {till.secret}"}))


@often
@given(key=st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n"), max_size=300))
def test_any_idempotency_key(till: Till, key: str) -> None:
    check(till.call("POST", "clients/", b"{}", key or "k"))
