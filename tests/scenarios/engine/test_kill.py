"""Never twice, never lost: workers are killed with SIGKILL at random moments (semantics §9, §20, §54)."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from loyalty.models import BonusOperation, PromoCode
from loyalty.services.events import record
from messaging.models import Message, SinkEmail
from messaging.services import outbox
from scenarios.models import RunLog, ScenarioRun
from segments.models import Membership
from tests import builders as b

ROOT = Path(__file__).resolve().parents[3]


def _worker(batch: int) -> subprocess.Popen:
    database = connection.settings_dict
    host = str(database["HOST"]).replace("/", "%2F")
    url = f"postgres://{database['USER']}:{database['PASSWORD']}@{host}:{database['PORT']}/{database['NAME']}"
    process = subprocess.Popen(  # noqa: S603 (our own script)
        [sys.executable, "-m", "tests.scenarios.engine.pumper", str(batch)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "EMAIL_URL": "sink://", "DEBUG": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def _go(*workers: subprocess.Popen) -> None:
    """Starting a process takes longer than the work: they begin together."""
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("size", "kills", "batch", "longest"),
    [(1500, 12, 30, 0.12), pytest.param(50_000, 200, 500, 0.8, marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_killed_workers_neither_repeat_nor_lose_anything(size, kills, batch, longest, settings):
    """Each worker lives `longest` seconds at most, so that the kills fall all over the work."""
    settings.EMAIL_BACKEND = "messaging.channels.sink.EmailBackend"
    now = timezone.now()
    shop, fans = b.source(), b.segment("fans")
    draft = b.scenario()
    trunk = b.trunk(draft)
    b.issue_promo(trunk, b.promo_pool(codes=size + 50))
    b.email(trunk, body="{{ promo.code }}")
    b.accrue(trunk)
    b.join(trunk, fans)
    b.sms(trunk)
    b.live(draft, now)
    people = b.clients(size)
    b.identify(shop, *people)
    record(shop, [b.happened(shop, "order.created", now, about=person) for person in people], now)

    chance = random.Random(7)  # noqa: S311 (no secret)
    killed = 0
    while killed < kills and ScenarioRun.objects.filter(state="completed").count() < size:
        workers = [_worker(batch) for _ in range(2)]
        _go(*workers)
        for worker in workers:
            time.sleep(chance.uniform(0.02, longest))
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
                killed += 1
            worker.wait()
    assert killed >= min(kills, 4), "the workers were done before they could be killed"
    finisher = _worker(batch)
    _go(finisher)
    assert finisher.wait(timeout=1800) == 0
    outbox.recover(timezone.now() + outbox.LEASE + timedelta(seconds=1))
    while outbox.send_due(timezone.now()):
        pass

    assert ScenarioRun.objects.filter(state="completed").count() == size
    assert dict(Message.objects.values_list("channel").annotate(n=Count("pk"))) == {"email": size, "sms": size}
    assert Message.objects.values("client", "channel").distinct().count() == 2 * size
    assert set(Message.objects.values_list("status", flat=True)) == {"accepted"}
    assert SinkEmail.objects.count() == size
    assert SinkEmail.objects.values("recipients").distinct().count() == size
    assert BonusOperation.objects.count() == BonusOperation.objects.values("client").distinct().count() == size
    assert Membership.objects.count() == size
    codes = PromoCode.objects.exclude(client=None)
    assert codes.count() == codes.values("client").distinct().count() == size
    assert RunLog.objects.filter(kind="step").count() == 5 * size
