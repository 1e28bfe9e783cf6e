"""Whatever is sent: an answer that can be acted on, never a 500, and nothing half-stored."""

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.intake import shopify, woocommerce
from loyalty.models import Cart, Client, Consent, Event, Order, RefusedDelivery, Source
from loyalty.services import samples
from tests.builders import NOW
from tests.loyalty.intake.sending import SAMPLES, call, post, source

pytestmark = pytest.mark.django_db

often = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

SMALL = st.recursive(
    st.none() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
NUMBERS = [
    0,
    -1,
    -0.01,
    2**53 + 1,
    2**63,
    2**64,
    10**15,
    10**30,
    1e308,
    5e-324,
    "1e999",
    "-5",
    "NaN",
    "9" * 25,
    "9" * 70,
]
TIMES = [
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1970-01-01T00:00:00Z",
    "2999-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
]
WORDS = ["", " ", "null", "BTC", "JPY", "555-555-SHIP", "+7 912 345-67-89", "a@b", "%00", "x" * 1000, "😀", "\u202e"]
SHAPES = [None, True, False, "\0", "\ud800", [], {}, [[]], [None], {"a": None}]
HOSTILE = st.one_of(
    st.sampled_from([*NUMBERS, *TIMES, *WORDS, *SHAPES]), st.text(max_size=20), st.integers(), st.floats(), SMALL
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


@st.composite
def spoilt(draw: Callable[..., Any], bodies: list[Any]) -> Any:
    """A true body with a few values replaced, taken out or wrapped."""
    body = copy.deepcopy(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 4))):
        every = list(places(body))
        if not every:
            break
        *outer, last = draw(st.sampled_from(every))
        holder = body
        for key in outer:
            holder = holder[key]
        deed = draw(st.sampled_from(["replace", "replace", "replace", "remove", "wrap"]))
        if deed == "remove":
            del holder[last]
        else:
            # A copy: what is put in here may be spoilt itself by the next deed.
            holder[last] = copy.deepcopy(draw(HOSTILE)) if deed == "replace" else [holder[last]]
    return body


def true_bodies(kind: str) -> list[Any]:
    """Bodies of the kind: the bundled ones, and the true samples where they are beside this checkout."""
    found = [sample.body for sample in (samples.load(name, NOW) for name in samples.names()) if sample.kind == kind]
    if SAMPLES.is_dir():
        found += [json.loads(path.read_text()) for path in sorted((SAMPLES / kind).glob("*.json"))]
    return found


def written() -> tuple[int, ...]:
    """How much is stored."""
    return tuple(model.objects.count() for model in (Event, Client, Cart, Order, Consent))


def one_source(kind: str) -> Source:
    """One source for all examples of a test."""
    found = Source.objects.filter(slug=f"any-{kind}").first()
    return found or source(kind, slug=f"any-{kind}", secret="any-segment-key" if kind == "segment" else "")


def post_webhook(kind: str, raw: Any, topic: str) -> None:
    """Posts and checks that the answer is true."""
    to = one_source(kind)
    before, kept = written(), RefusedDelivery.objects.count()
    answer = post(to, raw, topic)
    assert answer.status_code in (200, 202, 413, 422), answer.content
    if answer.status_code == 200:
        ids = {event["id"] for event in answer.json()["events"]}
        assert Event.objects.filter(id__in=ids, source=to).count() == len(ids) > 0
    else:
        assert written() == before
    if answer.status_code == 422:
        assert answer.json()["reason"]
        assert RefusedDelivery.objects.count() <= kept + 1
    assert post(to, raw, topic).status_code == answer.status_code


def post_call(raw: Any, name: str = "batch", **headers: str) -> HttpResponse:
    """Posts and checks that the answer is true."""
    to = one_source("segment")
    to.write_key = "any-segment-key"
    before = written()
    answer = call(to, raw, name, **headers)
    assert answer.status_code in (200, 400, 413), answer.content
    if answer.status_code == 200:
        told = answer.json()
        indexes = [rejected["index"] for rejected in told["rejected"]]
        assert len(set(indexes)) == len(indexes)
        assert all(rejected["reason"] for rejected in told["rejected"])
        if not told["accepted"]:
            assert written() == before
    else:
        assert written() == before
    return answer


TOPICS = {"shopify": sorted(shopify.TOPICS), "woocommerce": sorted(woocommerce.TOPICS), "shop": [""]}


@pytest.mark.parametrize("kind", sorted(TOPICS))
@often
@given(data=st.data())
def test_spoilt_deliveries(kind: str, data: st.DataObject) -> None:
    post_webhook(kind, data.draw(spoilt(true_bodies(kind))), data.draw(st.sampled_from(TOPICS[kind])))


@pytest.mark.parametrize("kind", sorted(TOPICS))
@often
@given(raw=st.binary(max_size=300), topic=st.text(max_size=20).map(lambda text: text.encode().decode("latin-1")))
def test_any_bytes_as_a_delivery(kind: str, raw: bytes, topic: str) -> None:
    post_webhook(kind, raw, topic if "\n" not in topic and "\r" not in topic else "")


@often
@given(data=st.data())
def test_spoilt_batches(data: st.DataObject) -> None:
    items = [item for body in true_bodies("segment") for item in body.get("batch", [body])]
    with_names = [{"anonymousId": "v", "userId": "u", "type": "track"} | item for item in items]
    drawn = data.draw(st.lists(spoilt(with_names), min_size=1, max_size=4))
    good = {"type": "track", "event": "Good", "anonymousId": "v"}
    answer = post_call({"batch": [*drawn, good], "sentAt": data.draw(HOSTILE)})
    if answer.status_code == 200:
        assert len(drawn) not in {rejected["index"] for rejected in answer.json()["rejected"]}
        assert answer.json()["accepted"] + len(answer.json()["rejected"]) == len(drawn) + 1


@often
@given(body=HOSTILE, name=st.sampled_from(["batch", "track", "identify", "page", "screen", "alias", "group"]))
def test_any_json_as_a_call(body: Any, name: str) -> None:
    post_call(json.dumps(body).encode(), name)


@often
@given(raw=st.binary(max_size=300), packed=st.booleans(), header=st.sampled_from(["", "gzip", "br"]))
def test_any_bytes_as_a_call(raw: bytes, packed: bool, header: str) -> None:
    headers = {"Content-Encoding": header} if header else {}
    post_call(gzip.compress(raw) if packed else raw, **headers)


@often
@given(
    item=st.fixed_dictionaries(
        {"type": st.sampled_from(["identify", "track", "group", "alias"])},
        optional={
            "userId": HOSTILE,
            "anonymousId": HOSTILE,
            "previousId": HOSTILE,
            "groupId": HOSTILE,
            "event": HOSTILE,
            "messageId": HOSTILE,
            "timestamp": HOSTILE,
            "context": HOSTILE,
            "properties": HOSTILE,
            "traits": st.dictionaries(
                st.sampled_from(["email", "phone", "firstName", "birthday", "createdAt", "address", "name", "gender"]),
                HOSTILE,
            ),
        },
    )
)
def test_any_traits_and_names(item: dict[str, Any]) -> None:
    assert post_call({"batch": [item]}).status_code in (200, 400)
