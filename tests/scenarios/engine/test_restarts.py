"""Never twice, never lost: PostgreSQL and Redis go away and come back while real processes work (semantics §8–9, §54).

Two schedulers and two workers run as an installation does, on servers of their own. What they find there was prepared
here and copied over.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from config import local_services
from config.local_services import ROOT, postgres, valkey
from loyalty.models import UnreadEvent
from loyalty.services.events import record
from tests import builders as b

CLIENTS = 400
WAVES = 20  # they come a little at a time, so that there is a middle
SECONDS = 4
PATIENCE = 90  # a busy machine


@pytest.fixture
def servers(tmp_path) -> Iterator[local_services.Services]:
    """A PostgreSQL that keeps what it has answered for, and a Valkey, for one test."""
    pair, _ = local_services.start(tmp_path)
    yield pair
    pair.drop()


def _prepare() -> None:
    now = timezone.now()
    shop, fans = b.source(), b.segment("fans")
    trunk = b.trunk(draft := b.scenario())
    b.issue_promo(trunk, b.promo_pool(codes=CLIENTS + 50))
    b.email(trunk, body="{{ promo.code }}")
    b.accrue(trunk)
    b.join(trunk, fans)
    b.sms(trunk)
    b.live(draft, now)
    people = b.clients(CLIENTS)
    b.identify(shop, *people)
    record(shop, [b.happened(shop, "order.created", now, about=person) for person in people], now)
    # Nothing is read before the processes run.
    UnreadEvent.objects.update(retry_at="2100-01-01T00:00Z")


def _copy_to(servers: local_services.Services) -> str:
    """Copies the test's database; answers the URL of the copy."""
    home, known = Path(servers.home), connection.settings_dict
    programs = postgres.choose(home / "data").folder
    url = servers.environment["DATABASE_URL"]
    origin = f"postgres://{known['USER']}@{known['HOST']}:{known['PORT']}/{known['NAME']}"
    dump = subprocess.run(
        [programs / "pg_dump", "--no-owner", origin],
        env=os.environ | {"PGPASSWORD": known["PASSWORD"]},
        capture_output=True,
        check=True,
    )
    subprocess.run(
        [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", url],
        input=dump.stdout,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return url


def _start(servers: local_services.Services, log: Path) -> list[subprocess.Popen]:
    environment = os.environ | servers.environment | {"EMAIL_URL": "sink://", "DEBUG": "1"}
    commands = (["worker", "--processes", "2"], ["scheduler"], ["scheduler"])
    with log.open("wb") as output:
        return [
            subprocess.Popen(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, stdout=output, stderr=output
            )
            for command in commands
        ]


def _let_read(url: str, events: int) -> None:
    """Lets so many of the events be read, a wave at a time."""
    with psycopg.connect(url) as database:
        database.execute(
            """UPDATE loyalty_unreadevent u SET retry_at = now() + w.wave * %s * interval '1 second'
               FROM (SELECT event_id, ntile(%s) OVER (ORDER BY event_id) - 1 AS wave
                     FROM (SELECT event_id FROM loyalty_unreadevent WHERE retry_at > '2099-01-01'
                           ORDER BY event_id LIMIT %s) AS those) AS w
               WHERE w.event_id = u.event_id""",
            [SECONDS / WAVES, WAVES, events],
        )


def _ask(url: str, sql: str) -> int:
    """A number from the copy; -1 while its server is away."""
    with suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as database:
        return database.execute(sql).fetchone()[0]
    return -1


def _until(reached: Callable[[], bool]) -> bool:
    stop = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > stop:
            return False
        time.sleep(0.05)
    return True


def _crash(servers: local_services.Services) -> None:
    """The server dies, and recovers."""
    postgres.stop(Path(servers.home), crash=True)
    postgres.start(Path(servers.home), servers.postgres_port, servers.password)


def _restart(servers: local_services.Services) -> None:
    postgres.stop(Path(servers.home))
    postgres.start(Path(servers.home), servers.postgres_port, servers.password)


def _lose_redis(servers: local_services.Services) -> None:
    """Redis is away for a moment and comes back with nothing in it: it keeps nothing on disk."""
    valkey.stop(Path(servers.home))
    time.sleep(0.5)
    valkey.start(Path(servers.home), servers.valkey_port, servers.password)


DONE = "SELECT count(*) FROM scenarios_scenariorun WHERE state = 'completed'"
ONCE = {
    "runs": "SELECT count(*) FROM scenarios_scenariorun",
    "done": DONE,
    "messages": "SELECT count(*) FROM messaging_message WHERE status = 'accepted' AND channel = 'email'",
    "texts": "SELECT count(*) FROM messaging_message WHERE status = 'accepted' AND channel = 'sms'",
    "all messages": "SELECT count(*) / 2 FROM messaging_message",
    "receivers": "SELECT count(DISTINCT client_id) FROM messaging_message",
    "letters": "SELECT count(*) FROM messaging_sinkemail",
    "addresses": "SELECT count(DISTINCT recipients) FROM messaging_sinkemail",
    "accruals": "SELECT count(*) FROM loyalty_bonusoperation",
    "accounts": "SELECT count(DISTINCT client_id) FROM loyalty_bonusoperation",
    "codes": "SELECT count(*) FROM loyalty_promocode WHERE client_id IS NOT NULL",
    "owners": "SELECT count(DISTINCT client_id) FROM loyalty_promocode",
    "members": "SELECT count(*) FROM segments_membership",
    "steps": "SELECT count(*) / 5 FROM scenarios_runlog WHERE kind = 'step'",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("disturbances", [(_crash, _restart), (_lose_redis, _lose_redis)], ids=["postgresql", "redis"])
def test_everybody_gets_everything_once_whatever_goes_away(disturbances, servers, tmp_path):
    _prepare()
    url = _copy_to(servers)
    processes = _start(servers, log := tmp_path / "processes.log")
    try:
        _let_read(url, 1)
        assert _until(lambda: _ask(url, DONE) == 1), log.read_text()[-3000:]
        share = CLIENTS // len(disturbances)
        for number, disturb in enumerate(disturbances, 1):
            before = _ask(url, DONE)
            _let_read(url, share)
            assert _until(lambda past=before: _ask(url, DONE) > past + share // WAVES), log.read_text()[-3000:]
            assert _ask(url, DONE) < share * number, "all was done before anything went away"
            disturb(servers)
        _until(lambda: _ask(url, "SELECT count(*) FROM messaging_message WHERE status = 'accepted'") == 2 * CLIENTS)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)
    assert {name: _ask(url, sql) for name, sql in ONCE.items()} == dict.fromkeys(ONCE, CLIENTS), log.read_text()[-3000:]
