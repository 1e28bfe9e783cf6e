"""Group commit: who comes at the same time shares a transaction, and nobody shares a failure."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from django.db import DataError, connections, transaction

from loyalty.intake.facts import Fact, Who
from loyalty.models import Client, Event, Source
from loyalty.services import events
from loyalty.services.events import Recorded
from loyalty.services.together import SMALL, Gathering
from tests import builders as b
from tests.builders import NOW
from tests.waiting import until

CROWD = 8


@dataclass
class _Gate:
    """Records for real, but holds the first transaction until the others have queued up."""

    sizes: list[int] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)
    poison: str = ""

    def write(self, source: Source, facts: Sequence[Fact], now: datetime) -> list[Recorded]:
        self.sizes.append(len(facts))
        if len(self.sizes) == 1:
            assert self.opened.wait(10)
        if any(fact.external_id == self.poison for fact in facts):
            raise DataError("too large")
        return events.record(source, facts, now)


def _fact(number: int) -> Fact:
    return Fact(f"e{number}", "page.viewed", NOW, Who(email=f"client{number}@example.com"))


def _all_at_once(gate: _Gate, source_of: Sequence[Source]) -> list[Recorded | str]:
    """One delivery is being recorded while the others come; what each was answered."""
    gathering = Gathering(gate.write)

    def deliver(number: int) -> Recorded | str:
        try:
            return gathering.record(source_of[number], [_fact(number)], NOW + timedelta(seconds=number))[0]
        except DataError as error:
            return str(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(source_of)) as pool:
        first = pool.submit(deliver, 0)
        until(lambda: bool(gate.sizes))
        others = [pool.submit(deliver, number) for number in range(1, len(source_of))]
        until(lambda: len(gathering._waiting) == len(others))
        gate.opened.set()
        return [future.result(20) for future in (first, *others)]


@pytest.mark.django_db(transaction=True)
def test_those_who_wait_are_committed_together_and_each_gets_his_own_answer():
    gate, shop = _Gate(), b.source()
    answers = _all_at_once(gate, [shop] * CROWD)
    assert gate.sizes == [1, CROWD - 1]
    stored = dict(Event.objects.values_list("pk", "external_id"))
    assert [stored[answer.event_id] for answer in answers if isinstance(answer, Recorded)] == [
        f"e{number}" for number in range(CROWD)
    ]
    assert Client.objects.count() == CROWD
    # What comes together was received when the last of it came: nothing is received before it happened.
    assert set(Event.objects.values_list("received_at", flat=True)) == {NOW, NOW + timedelta(seconds=CROWD - 1)}


@pytest.mark.django_db(transaction=True)
def test_what_spoils_the_common_transaction_fails_alone():
    gate, shop = _Gate(poison="e3"), b.source()
    answers = _all_at_once(gate, [shop] * CROWD)
    assert [number for number, answer in enumerate(answers) if answer == "too large"] == [3]
    assert Event.objects.count() == CROWD - 1


@pytest.mark.django_db(transaction=True)
def test_deliveries_of_another_source_are_led_by_one_of_their_own():
    gate, shops = _Gate(), [b.source(), b.source()]
    _all_at_once(gate, [shops[number % 2] for number in range(CROWD)])
    assert sorted(gate.sizes) == [1, CROWD // 2 - 1, CROWD // 2]
    assert {event.source_id for event in Event.objects.filter(external_id__in=["e1", "e3"])} == {shops[1].pk}


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, SMALL + 1])
def test_inside_a_transaction_and_in_large_batches_nobody_waits(count):
    gate = _Gate()
    gate.opened.set()
    with transaction.atomic():
        assert len(Gathering(gate.write).record(b.source(), [_fact(number) for number in range(count)], NOW)) == count
    assert gate.sizes == [count]
