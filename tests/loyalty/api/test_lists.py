"""Lists: pages, filters, search, and what they cost."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.models import Event, Identity, Product
from loyalty.services import ledger
from loyalty.services.events import record
from messaging.models import Message
from scenarios.models import Scenario
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.api.calling import Till

pytestmark = pytest.mark.django_db


@pytest.fixture
def till() -> Till:
    return Till()


def walk(till: Till, path: str, link: str = "next") -> list[list[int]]:
    """The ids of every page from `path` on."""
    pages = []
    while path:
        told = till.get(path).json()
        assert told.keys() == {"results", "next", "previous"}
        pages.append([row["id"] for row in told["results"]])
        found = told[link] and urlsplit(told[link])
        path = f"{found.path}?{found.query}" if found else ""
    return pages


class TestPages:
    def test_every_row_comes_once_newest_first_there_and_back(self, till):
        ids = sorted((person.pk for person in b.clients(7)), reverse=True)
        assert walk(till, "clients/?page_size=3") == [ids[:3], ids[3:6], ids[6:]]
        last = f"{urlsplit(till.get('clients/?page_size=3').json()['next']).query}"
        second = till.get(f"clients/?{last}").json()
        back = urlsplit(second["previous"])
        assert [row["id"] for row in till.get(f"{back.path}?{back.query}").json()["results"]] == ids[:3]

    def test_a_row_that_comes_meanwhile_shifts_nothing(self, till):
        ids = sorted((person.pk for person in b.clients(4)), reverse=True)
        following = urlsplit(till.get("clients/?page_size=2").json()["next"])
        b.client()
        assert [row["id"] for row in till.get(f"{following.path}?{following.query}").json()["results"]] == ids[2:]

    def test_a_page_is_of_fifty_unless_told_and_of_500_at_most(self, till):
        b.clients(520, consent=False)
        assert len(till.get("clients/").json()["results"]) == 50
        assert len(till.get("clients/?page_size=1000").json()["results"]) == 500

    def test_an_empty_list_is_a_page(self, till):
        assert till.get("messages/").json() == {"results": [], "next": None, "previous": None}

    def test_filters_stay_in_the_links(self, till):
        source = b.source(slug="one")
        other = b.source(slug="two")
        for n in range(3):
            record(source, [b.happened(source, "visit.completed", external_id=f"v{n}")], NOW)
            record(other, [b.happened(other, "visit.completed", external_id=f"v{n}")], NOW)
        mine = sorted(Event.objects.filter(source=source).values_list("pk", flat=True), reverse=True)
        assert walk(till, "events/?source=one&page_size=2") == [mine[:2], mine[2:]]


def _fill(number: int) -> None:
    """A few of everything, each row with all its relations."""
    source = b.source()
    people = b.clients(number)
    b.identify(source, *people)
    Identity.objects.bulk_create(
        Identity(client=person, kind="external", scope=source.slug, value=f"C{person.pk}") for person in people
    )
    segment = b.segment(f"s{source.pk}")
    for person in people:
        record(source, [b.happened(source, "visit.completed", about=person)], NOW)
        segment.memberships.create(client=person, entered_at=NOW)
        Message.objects.create(client=person, channel="email", topic="t", due_at=NOW, created_at=NOW)
        Product.objects.create(source=source, external_id=f"P{person.pk}", updated_at=NOW)
        b.live(_published(person.pk))


def _published(number: int) -> Scenario:
    draft = b.scenario(name=f"Scenario of {number}")
    b.wait(b.trunk(draft))
    return draft


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("clients/", 4),  # the key, clients, their ids, their consents
        ("events/", 2),
        ("products/", 2),
        ("messages/", 2),
        ("scenarios/", 2),
        ("segments/", 2),
        ("segments/{segment}/clients/", 5),
    ],
)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(till, path, most):
    _fill(2)
    segment = till.get("segments/").json()["results"][0]["id"]
    _fill(5)
    till.get("clients/")
    for size in (1, 500):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            rows = till.get(path.format(segment=segment) + f"?page_size={size}").json()["results"]
        assert len(rows) == (1 if size == 1 else (2 if "{" in path else len(rows)))
        assert len(queries) <= most, [query["sql"] for query in queries]
    assert len(rows) >= 2


@pytest.mark.parametrize(
    ("table", "condition", "index"),
    [
        ("loyalty_event", "name = 'order.paid'", "event_name_newest"),
        ("loyalty_bonusoperation", "client_id = 5", "bonus_operation_client"),
        ("messaging_message", "client_id = 5", "message_client"),
        ("messaging_message", "scenario_id = 5", "message_scenario_newest"),
        ("messaging_message", "provider_id = 'SM1'", "message_provider_id"),
        ("loyalty_product", "sku = 'A'", "product_sku"),
    ],
)
def test_a_page_is_read_from_an_index_in_its_order(table, condition, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN SELECT * FROM {table} WHERE {condition} AND id < 1000 ORDER BY id DESC LIMIT 50")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert index in plan or "_pkey" in plan
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_indexes WHERE tablename = %s AND indexname = %s", [table, index])
        assert cursor.fetchone()


class TestSearch:
    def _anna(self) -> tuple:
        source = b.source(slug="shop")
        anna, _boris = b.client(), b.client()
        b.identify(source, anna)
        Identity.objects.create(client=anna, kind="external", scope="shop", value="C-42")
        return source, anna

    @pytest.mark.parametrize("of", ["phone", "email", "external"])
    def test_clients_by_every_name(self, till, of):
        _source, anna = self._anna()
        text = {"phone": anna.phone.replace("+7", "8"), "email": anna.email.upper(), "external": "C-42"}[of]
        assert [row["id"] for row in till.get(f"clients/?search={text}").json()["results"]] == [anna.pk]

    def test_clients_by_filters(self, till):
        _source, anna = self._anna()
        for query in (
            f"phone={anna.phone.replace('+', '%2B')}",
            f"email={anna.email}",
            "external_id=C-42",
            "external_id=C-42&source=shop",
        ):
            assert [row["id"] for row in till.get(f"clients/?{query}").json()["results"]] == [anna.pk], query
        assert till.get("clients/?external_id=C-42&source=other").json()["results"] == []
        assert till.get("clients/?phone=abc").json()["results"] == []

    def test_events_by_their_id_and_by_their_client(self, till):
        source, anna = self._anna()
        first = b.record_event(source, "visit.completed", anna, external_id="visit-7")
        second = b.record_event(source, "review.created", anna, NOW + timedelta(minutes=1))
        b.record_event(source, "visit.completed", b.client())
        found = lambda query: [row["id"] for row in till.get(f"events/?{query}").json()["results"]]  # noqa: E731
        assert found("search=visit-7") == [first]
        assert found(f"search={first}") == [first]
        assert found(f"search={anna.email}") == [second, first]
        assert found("client=external:shop:C-42") == [second, first]
        assert found("client=external:shop:C-42&name=visit.completed") == [first]
        assert found("client=999999") == []
        assert found("search=nothing-like-it") == []

    def test_messages_by_their_id_the_providers_and_their_client(self, till):
        _source, anna = self._anna()
        values = {"channel": "sms", "topic": "t", "due_at": NOW, "created_at": NOW}
        one = Message.objects.create(client=anna, provider_id="SM7", status="failed", scenario_id=3, **values)
        two = Message.objects.create(client=anna, **values | {"channel": "email"})
        Message.objects.create(client=b.client(), **values)
        found = lambda query: [row["id"] for row in till.get(f"messages/?{query}").json()["results"]]  # noqa: E731
        assert found("search=SM7") == [one.pk]
        assert found(f"search={two.pk}") == [two.pk]
        assert found("search=C-42") == [two.pk, one.pk]
        assert found(f"client={anna.pk}&channel=email") == [two.pk]
        assert found("status=failed") == [one.pk]
        assert found("scenario=3") == [one.pk]

    def test_products_by_their_id_and_sku(self, till):
        source = b.source(slug="shop")
        tea = Product.objects.create(source=source, external_id="P-1", sku="TEA", updated_at=NOW)
        Product.objects.create(source=source, external_id="P-2", sku="CUP", in_stock=False, updated_at=NOW)
        found = lambda query: [row["id"] for row in till.get(f"products/?{query}").json()["results"]]  # noqa: E731
        for query in ("search=P-1", "search=TEA", "external_id=P-1", "sku=TEA", "source=shop&in_stock=true"):
            assert found(query) == [tea.pk], query
        assert till.get(f"products/{tea.pk}/").json()["sku"] == "TEA"


def test_the_ledger_and_the_timeline_of_a_client_are_hers_alone(till):
    source, anna, boris = b.source(), b.client(), b.client()
    for person in (anna, boris):
        ledger.accrue("t", ledger.Grant(person.pk, 300, f"a{person.pk}", NOW, reason="welcome"), NOW)
        b.record_event(source, "visit.completed", person)
    rows = till.get(f"clients/{anna.pk}/ledger/").json()["results"]
    assert [(row["kind"], row["amount"], row["reason"]) for row in rows] == [("accrue", 300, "welcome")]
    names = [row["name"] for row in till.get(f"clients/{anna.pk}/timeline/").json()["results"]]
    assert sorted(names) == ["bonus.accrued", "visit.completed"]
