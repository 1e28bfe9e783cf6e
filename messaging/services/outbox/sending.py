"""Sending: claims, calls and answers of one process, hundreds of calls in flight at a time."""

import time
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue

from django.db import transaction

from messaging.channels import Answer, wire
from messaging.channels.base import later
from messaging.models import Message
from messaging.services.accounts import Outlet, outlets
from messaging.services.outbox.claim import claim, due_lanes, route
from messaging.services.outbox.settle import Answered, settle

# Messages that a transactional channel delivers in one transaction.
STORED = 500
# Answers are gathered for a moment: one transaction for ten of them costs little more than for one.
GATHER = 0.03  # seconds
# A call that was held up for so long since its claim is not made any more: with the longest timeout of an account
# (60 s) it must have ended before its claim is taken for dead (`recover.LEASE`).
STALE = 45.0  # seconds


class Sending:
    """The calls that one thread has launched and whose answers it writes."""

    def __init__(self) -> None:
        self._answers: SimpleQueue[Answered] = SimpleQueue()
        self.in_flight = 0

    def claim(self, now: datetime) -> int:
        """Takes what is due, as much as the accounts have room for, and calls; returns how many were dealt with."""
        dealt = 0
        for outlet, lanes in route(due_lanes(now), outlets()):
            who = (outlet.name, outlet.account_id)
            room = STORED if outlet.way.transactional else wire().room(who, outlet.concurrency)
            if not room:
                continue
            with transaction.atomic():
                claimed, number = claim(outlet, lanes, room, now)
                if outlet.way.transactional:
                    # Delivered by this very transaction: there is no moment in which the outcome is unknown.
                    stored = ((message, outlet.way.store(message)) for message, _ in claimed.messages)
                    settle([Answered(outlet, message, answer) for message, answer in stored], now)
            dealt += number
            if not outlet.way.transactional:
                for message, delay in claimed.messages:
                    self._launch(outlet, message, delay)
        return dealt

    def gather(self, now: datetime, patience: float) -> int:
        """Writes the answers that have come, waiting up to `patience` seconds for the first; returns how many."""
        answered: list[Answered] = []
        until = time.monotonic() + patience
        while len(answered) < self.in_flight:
            try:
                answered.append(self._answers.get(timeout=max(0.0, until - time.monotonic())))
            except Empty:
                break
            if len(answered) == 1:
                until = time.monotonic() + GATHER
        self.in_flight -= len(answered)
        with transaction.atomic():
            settle(answered, now)
        return len(answered)

    def _launch(self, outlet: Outlet, message: Message, delay: float) -> None:
        born = time.monotonic()

        async def call() -> Answer:
            if time.monotonic() - born > STALE:
                return later("held up for too long")
            return await outlet.way.send(message)

        self.in_flight += 1
        wire().launch((outlet.name, outlet.account_id), call, delay, partial(self._done, outlet, message))

    def _done(self, outlet: Outlet, message: Message, answer: Answer) -> None:
        self._answers.put(Answered(outlet, message, answer))


def send_due(now: datetime) -> int:
    """Sends one handful of due messages of every account and waits for the answers; returns how many were dealt with,
    0 when nothing is due that may go out."""
    sending = Sending()
    dealt = sending.claim(now)
    while sending.in_flight:
        sending.gather(now, patience=1.0)
    return dealt
