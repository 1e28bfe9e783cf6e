"""The log as a file: CSV in pieces, in constant memory."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.db.models import QuerySet

from loyalty.admin.base import masked
from messaging.models import Message
from scenarios.admin.log_lines import cost_of, dress
from segments.services.member_export import guarded

# The newest so many: more than a spreadsheet can show is for the API.
MOST = 500_000
CHUNK = 1_000

COLUMNS = (
    "id", "created_at", "client", "phone", "scenario", "step", "channel", "topic", "recipient", "test", "status",
    "reason", "bonuses", "promo_codes", "cost", "currency", "tries", "sent_at", "delivered_at", "opened_at",
    "clicked_at",
)  # fmt: skip
# For those who may see clients alone.
OWN = ("address", "subject", "body", "error")


def as_csv(messages: QuerySet[Message], full: bool, most: int = MOST) -> Iterator[bytes]:
    """The newest `most` messages in UTF-8 with the mark by which spreadsheets know it; times in UTC.

    Not `full`: phones and codes masked, no texts and addresses. Read by keyset, so that no cursor and no transaction
    stays open while a slow reader takes it.
    """
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS + OWN if full else COLUMNS)
    yield b"\xef\xbb\xbf" + buffer.getvalue().encode()
    rows = messages.select_related("client").order_by("-pk")
    last, written = None, 0
    while written < most:
        chunk: list[Any] = list((rows if last is None else rows.filter(pk__lt=last))[: min(CHUNK, most - written)])
        if not chunk:
            break
        last, written = chunk[-1].pk, written + len(chunk)
        dress(chunk, full)
        buffer.seek(0)
        buffer.truncate()
        writer.writerows([guarded(cell) for cell in _row(message)] for message in chunk)
        yield buffer.getvalue().encode()


def _row(message: Any) -> Iterator[Any]:
    phone = message.client.phone if message.client else ""
    yield message.pk
    yield _at(message.created_at)
    yield message.client_id or ""
    yield phone if message.full else masked(phone)
    yield message.scenario.name if message.scenario else ""
    yield message.sentence
    yield message.channel
    yield message.topic
    yield message.recipient
    yield "yes" if message.test else ""
    yield message.status
    yield message.reason
    yield "" if message.bonuses is None else f"{message.bonuses:f}"
    yield " ".join(code if message.full else masked(code) for code in message.codes)
    yield cost_of(message)
    yield message.currency if message.cost is not None else ""
    yield message.tries
    for at in (message.sent_at, message.delivered_at, message.first_opened_at, message.first_clicked_at):
        yield _at(at)
    if message.full:
        yield from (message.address, message.subject, message.body, message.error)


def _at(moment: Any) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
