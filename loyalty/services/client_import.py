"""Bulk import of clients (contract §1): a file in, facts recorded as if the shop had sent them.

Whoever is known by id, phone or e-mail is told about; others are made. A row that was imported before changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from loyalty.intake.client_file import ClientReader, Layout
from loyalty.intake.facts import Fact, Refused
from loyalty.intake.read import Origin
from loyalty.intake.table_file import Table
from loyalty.models import Event, Source
from loyalty.services import events, identity, programme
from loyalty.services.order_import import Refusals, currency_of

# Lines done, share done from 0 to 1.
Progress = Callable[[int, float], None]


@dataclass(slots=True)
class Summary:
    """What became of a file; "new" is what this import made, or would have (dry run)."""

    lines: int = 0
    clients_new: int = 0
    clients_told: int = 0  # known ones of whom the file said something
    known: int = 0  # rows that were imported before


def import_clients(
    table: Table, source: Source, layout: Layout, now: datetime, dry_run: bool, refusals: Refusals, progress: Progress
) -> Summary:
    """Imports every good row; `now` (UTC) is when. Saves `source` if it is new and this is no dry run.

    Chunks commit one by one: stopped half-way, the next run takes up the rest. Nothing starts from it (semantics §6).
    Raises FileError where the file is damaged.
    """
    if source._state.adding and not dry_run:
        source.save()
    summary = Summary()
    region = source.phone_region or programme.current().phone_region
    reader = ClientReader(table.header, layout, Origin(source.slug, currency_of(source), region), now)
    rows = _good(table, reader, refusals, summary)
    seen: set[identity.Name] = set()  # of a dry run: whom the rows before would have made
    while facts := list(islice(rows, events.CHUNK)):
        _chunk(source, facts, now, dry_run, summary, seen)
        progress(summary.lines, min(table.share_read, 0.99))
    progress(summary.lines, 1.0)
    return summary


def _good(table: Table, reader: ClientReader, refusals: Refusals, summary: Summary) -> Iterator[Fact]:
    for line, values in table.rows():
        summary.lines += 1
        if isinstance(values, Refused):
            refusals.add(line, values)
            continue
        try:
            yield reader.read(values)
        except Refused as why:
            refusals.add(line, why)


def _chunk(
    source: Source, facts: Sequence[Fact], now: datetime, dry_run: bool, summary: Summary, seen: set[identity.Name]
) -> None:
    names = {fact.external_id: identity.known_names(fact.who, source.slug) for fact in facts}
    there = identity.holders([name for found in names.values() for name in found])
    for fact in facts:
        found = names[fact.external_id]
        if any(name in there or name in seen for name in found):
            fact.name, fact.occurred_at = "customer.updated", now
        seen.update(found)
    if dry_run:
        before = set() if source._state.adding else _recorded(source, [fact.external_id for fact in facts])
        fresh = {fact.external_id: fact for fact in facts if fact.external_id not in before}
    else:
        seen.clear()  # they are in the database now
        recorded = events.record(source, facts, now)
        fresh = {fact.external_id: fact for fact, told in zip(facts, recorded, strict=True) if told.new}
    made = sum(fact.name == "customer.registered" for fact in fresh.values())
    summary.clients_new += made
    summary.clients_told += len(fresh) - made
    summary.known += len(facts) - len(fresh)


def _recorded(source: Source, external_ids: Sequence[str]) -> set[str]:
    found = Event.objects.filter(source=source, external_id__in=external_ids)
    return set(found.values_list("external_id", flat=True))
