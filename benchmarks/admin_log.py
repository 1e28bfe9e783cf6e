"""`admin_log`: pages of the send log with N messages: newest and deep, by every filter, by several, and over the API.

Every request goes over HTTP to web processes as `make run` starts them (a session, rights, filters, the page's words)
and is answered with up to 50 messages. The floor asks for the same messages by plain SQL, written by hand and sent
over psycopg, and makes no page of them. The figures to watch are `p95_ms` and `slowest`.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import datetime, timedelta
from http.client import HTTPConnection
from statistics import quantiles
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from benchmarks.people import fill
from loyalty.services import api_keys
from messaging.models import Message
from scenarios.models import Branch, RunLog, Scenario, ScenarioRun, Wait
from scenarios.services import tree
from segments.models import Membership, Segment

SCENARIOS = 50
MOST_CLIENTS = 200_000
DAYS = 365  # how far the log reaches back
ROUNDS = 10
PAGE = 50
LOG, API = "/admin/messaging/message/", "/api/v1/messages/"
RARE = 200  # messages of a channel that was tried once, long ago


def run(size: int) -> Result:
    """Fills a log of `size` messages and asks for each kind of page a dozen times, with other values each time."""
    now = timezone.now()
    size = max(size, 1000)
    _make(size, now)
    harness.settle()
    _, secret = api_keys.create("benchmark", ["messages:read"], now)
    staff, api = {"Cookie": _cookie()}, {"Authorization": f"Bearer {secret}"}
    taken: dict[str, list[float]] = {}
    floors: list[float] = []
    with harness.floor_connection() as database, harness.installation("web") as web, _site(web.port) as site:
        database.execute("SET plan_cache_mode = force_custom_plan")
        for turn in range(-1, ROUNDS):
            for name, query, condition in _pages(size, turn, now):
                spent = _timed(lambda query=query: _get(site, LOG, query, staff))
                sql = _SQL.format(condition=condition)
                floor = _timed(lambda sql=sql: database.execute(sql).fetchall())
                if turn >= 0:  # the first round starts what is started once
                    taken.setdefault(name, []).append(spent)
                    floors.append(floor)
            for name, query in _calls(size, turn, now):
                spent = _timed(lambda query=query: _get(site, API, query, api))
                if turn >= 0:
                    taken.setdefault(f"api {name}", []).append(spent)
    pages = [spent for name, spent in taken.items() if not name.startswith("api ")]
    whole = [second for spent in pages for second in spent]
    calls = [second for name, spent in taken.items() if name.startswith("api ") for second in spent]
    slowest = max(taken, key=lambda name: _percentile(taken[name], 95))
    rate, floor_rate = len(whole) / sum(whole), len(floors) / sum(floors)
    extra: dict[str, object] = {
        "p50_ms": _percentile(whole, 50), "p95_ms": _percentile(whole, 95),
        "api_p95_ms": _percentile(calls, 95),
        "floor_p50_ms": _percentile(floors, 50), "floor_p95_ms": _percentile(floors, 95),
        "slowest": slowest, "slowest_p95_ms": _percentile(taken[slowest], 95),
    }  # fmt: skip
    for name, spent in sorted(taken.items(), key=lambda item: -_percentile(item[1], 95)):
        harness.say(f"  {name:30} p50 {_percentile(spent, 50):6.0f} ms  p95 {_percentile(spent, 95):6.0f} ms")
    return Result("admin_log", size, sum(whole), rate, floor_rate, rate / floor_rate, harness.peak_rss_mb(), extra)


# What a page shows, by hand: the messages with their clients.
_SQL = """SELECT m.*, c.* FROM messaging_message m LEFT JOIN loyalty_client c ON c.id = m.client_id
WHERE {condition} ORDER BY m.id DESC LIMIT 51"""


def _pages(size: int, turn: int, now: datetime) -> list[tuple[str, dict[str, object], str]]:
    """Name, query of the list, and the condition of the same in SQL."""
    scenario = turn % SCENARIOS + 1
    first = now - timedelta(days=40 + 25 * (turn % 12))
    day = timezone.localtime(first).date()
    start = f"'{day}'::date"
    days = {"created_at_from": day.isoformat(), "created_at_to": day.isoformat()}
    month = days | {"created_at_to": (day + timedelta(days=29)).isoformat()}
    deep = size - size * (turn + 2) // (ROUNDS + 4)
    on_day = f"m.created_at >= {start} AND m.created_at < {start} + 1"
    in_month = f"m.created_at >= {start} AND m.created_at < {start} + 30"
    return [
        ("newest", {}, "true"),
        ("deep", {"before": deep}, f"m.id < {deep}"),
        ("channel", {"channel__exact": "sms"}, "m.channel = 'sms'"),
        ("rare channel", {"channel__exact": "vk"}, "m.channel = 'vk'"),
        ("status", {"status__exact": "delivered"}, "m.status = 'delivered'"),
        ("failed", {"status__exact": "failed"}, "m.status = 'failed'"),
        ("reason", {"reason__exact": "no_consent"}, "m.reason = 'no_consent'"),
        ("topic", {"topic": "service"}, "m.topic = 'service'"),
        ("topic of nothing", {"topic": "none"}, f"m.id > {size - 50_000} AND m.topic = 'none'"),
        ("scenario", {"scenario": scenario}, f"m.scenario_id = {scenario}"),
        ("scenario, failed", {"scenario": scenario, "status__exact": "failed"},
         f"m.scenario_id = {scenario} AND m.status = 'failed'"),
        ("scenario, channel, topic", {"scenario": scenario, "channel__exact": "sms", "topic": "service"},
         f"m.scenario_id = {scenario} AND m.channel = 'sms' AND m.topic = 'service'"),
        ("nothing in common", {"channel__exact": "push", "topic": "none", "whom": "staff"},
         f"m.id > {size - 50_000} AND m.channel = 'push' AND m.topic = 'none'"),
        ("tests", {"whom": "test"}, "m.test"),
        ("segment", {"segment": 1},
         "EXISTS (SELECT FROM segments_membership s WHERE s.segment_id = 1 AND s.client_id = m.client_id)"),
        ("segment, scenario", {"segment": 1, "scenario": scenario},
         f"m.scenario_id = {scenario} AND EXISTS (SELECT FROM segments_membership s"
         " WHERE s.segment_id = 1 AND s.client_id = m.client_id)"),
        ("day", days, on_day),
        ("day, channel, status", days | {"channel__exact": "email", "status__exact": "delivered"},
         f"{on_day} AND m.channel = 'email' AND m.status = 'delivered'"),
        ("month, scenario", month | {"scenario": scenario}, f"{in_month} AND m.scenario_id = {scenario}"),
        ("client", {"q": f"client{turn + 2}@example.com"},
         f"m.client_id = (SELECT id FROM loyalty_client WHERE email = 'client{turn + 2}@example.com' LIMIT 1)"),
        ("message", {"q": str(deep)}, f"m.id = {deep}"),
    ]  # fmt: skip


def _calls(size: int, turn: int, now: datetime) -> list[tuple[str, dict[str, object]]]:
    first = now - timedelta(days=40 + 25 * (turn % 12))
    of_day = {"created_from": first.isoformat(), "created_before": (first + timedelta(days=1)).isoformat()}
    page = {"page_size": PAGE}
    return [
        ("newest", page),
        ("scenario", page | {"scenario": turn % SCENARIOS + 1}),
        ("reason", page | {"reason": "no_consent"}),
        ("day, channel", page | of_day | {"channel": "email"}),
    ]


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def _cookie() -> str:
    """The session of a member of staff who may see everything."""
    browser = Browser()
    browser.force_login(User.objects.create_superuser("staff", password="unused"))  # noqa: S106 (nobody logs in by it)
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"


def _site(port: int) -> AbstractContextManager[HTTPConnection]:
    return closing(HTTPConnection("127.0.0.1", port, timeout=60))


def _get(site: HTTPConnection, path: str, query: dict[str, object], headers: dict[str, str]) -> bytes:
    # A connection of its own each: while the floor is asked, the web would close one that lies idle.
    site.request("GET", f"{path}?{urlencode(query)}", headers=headers | {"Connection": "close"})
    answer = site.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"error: {path} answered {answer.status}")
    return body


def _percentile(seconds: list[float], share: int) -> float:
    """In milliseconds."""
    return quantiles(seconds, n=100)[share - 1] * 1000


def _make(size: int, now: datetime) -> None:
    """Messages of a year, evenly; a tenth of them of runs with a log; a segment of every hundredth client."""
    clients = min(max(size // 20, 100), MOST_CLIENTS)
    first, last = people.make(clients, now)
    trunk = Branch.objects.get(scenario=tree.create(Scenario(name="Cart", pk=1)))
    keys = [tree.insert(Wait(amount=days), trunk).key for days in (1, 2, 3)]
    Scenario.objects.bulk_create([Scenario(pk=n, name=f"Scenario {n}") for n in range(2, SCENARIOS + 1)])
    Segment.objects.create(pk=1, name="Every hundredth", slug="hundredth")
    runs = size // 10
    values = {
        "size": size, "runs": runs, "first": first, "clients": last - first + 1, "now": now, "scenarios": SCENARIOS,
        "days": DAYS, "keys": keys, "rare": RARE,
    }  # fmt: skip
    at = "%(now)s - interval '1 day' * (%(days)s * (%(size)s - n) / %(size)s::float)"
    client = "%(first)s + n * 7919 %% %(clients)s"
    fill(
        Membership,
        "FROM loyalty_client WHERE id %% 100 = 0",
        values,
        segment_id="1",
        client_id="id",
        entered_at="%(now)s",
    )
    harness.say(f"making {size:,} messages …")
    in_run = "n %% 10 = 0 AND n / 10 <= %(runs)s"
    fill(
        ScenarioRun,
        "FROM (SELECT r, r * 10 AS n FROM generate_series(1, %(runs)s::bigint) AS r) AS of_run",
        values,
        id="r",
        scenario_id="n %% %(scenarios)s + 1",
        client_id=client,
        occurrence="'o' || r",
        state="'completed'",
        entered_at=at,
        finished_at=at,
    )
    failed, withheld = "n %% 50 = 7", "n %% 10 = 3"
    fill(
        Message,
        "FROM generate_series(1, %(size)s::bigint) AS n",
        values,
        id="n",
        client_id=client,
        scenario_id="n %% %(scenarios)s + 1",
        run_id=f"CASE WHEN {in_run} THEN n / 10 END",
        step_key="(%(keys)s::text[])[n %% 3 + 1]",
        channel="CASE WHEN n <= %(rare)s THEN 'vk' ELSE (ARRAY['email', 'email', 'sms', 'push'])[n %% 4 + 1] END",
        topic="CASE WHEN n %% 11 = 0 THEN 'service' ELSE 'marketing' END",
        test="n %% 5000 = 1",
        address="'client' || n || '@example.com'",
        subject="'Your cart is waiting'",
        body="repeat('Dear client, what you chose is still here. ', 8)",
        status=f"CASE WHEN {failed} THEN 'failed' WHEN {withheld} THEN 'withheld' ELSE 'delivered' END",
        reason=f"CASE WHEN {failed} THEN 'provider_refused' WHEN {withheld} THEN 'no_consent' ELSE '' END",
        tries="1",
        cost="0.25",
        due_at=at,
        created_at=at,
        sent_at=at,
    )
    told = {"scenario_id": "n %% %(scenarios)s + 1", "client_id": client, "run_id": "r", "kind": "'step'",
            "created_at": at}  # fmt: skip
    origin = "FROM (SELECT r, r * 10 AS n FROM generate_series(1, %(runs)s::bigint) AS r) AS of_run"
    fill(RunLog, origin, values, **told, step_type="'AccrueBonuses'", bonuses="100")
    fill(RunLog, origin, values, **told, step_type="'SendMessage'", message_id="n")
    with connection.cursor() as cursor:
        for table in ("messaging_message", "scenarios_scenariorun"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"  # noqa: S608 (fixed names)
            )
