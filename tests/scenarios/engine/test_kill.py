"""Never twice, never lost: workers are killed with SIGKILL at random moments (semantics §9, §20, §54)."""

import multiprocessing
import random
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest
from django.db import connections
from django.db.models import Count
from django.utils import timezone

from loyalty.models import BonusOperation, PromoCode
from loyalty.services.events import record
from messaging.models import Message, SinkEmail
from messaging.services import outbox
from scenarios.engine.advance import advance_due
from scenarios.engine.clocks import fire_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, ScenarioRun
from segments.models import Membership
from tests import builders as b


def _worker(batch: int) -> BaseProcess:
    """A process that works off what is due. A fork of this one: starting anew takes longer than the work."""
    connections.close_all()  # not shared with a fork
    worker = multiprocessing.get_context("fork").Process(target=_work, args=(batch,), daemon=True)
    worker.start()
    return worker


def _work(batch: int) -> None:
    while True:
        now = timezone.now()
        if not (read_events(now, batch) + fire_due(now, batch) + advance_due(now, batch) + outbox.send_due(now)):
            return


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("size", "kills", "least", "batch", "longest"),
    [(1500, 12, 4, 30, 0.15), pytest.param(50_000, 200, 200, 100, 0.5, marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_killed_workers_neither_repeat_nor_lose_anything(size, kills, least, batch, longest, settings):
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
        for worker in workers:
            worker.join(chance.uniform(0.02, longest))
            if worker.is_alive():
                worker.kill()
                killed += 1
            worker.join()
    assert killed >= least, "the workers were done before they could be killed"
    finisher = _worker(batch)
    finisher.join(900)
    assert finisher.exitcode == 0
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
