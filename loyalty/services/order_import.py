"""Bulk import of a shop's order lines (contract §1): a file in, facts recorded as if the shop had sent them.

What is in the file becomes the same facts that webhooks bring and goes in by the same `events.record`, so that there
is one set of rules. Running it again changes nothing: orders and credit notes are known by their numbers.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Protocol

from django.core.validators import slug_re
from django.db import reset_queries
from django.db.models import Count
from django.utils.translation import gettext as _

from loyalty.intake import order_file, read
from loyalty.intake.facts import Fact, Refused
from loyalty.intake.order_file import Layout, LineReader, OrderLine
from loyalty.intake.spool import Spool
from loyalty.intake.table_file import Table
from loyalty.models import Event, Identity, Order, Programme, Source
from loyalty.services import events

# One transaction of `events.record`; fewer where orders are long, to bound the memory.
CHUNK_FACTS = events.CHUNK
CHUNK_LINES = 10_000
READ_AHEAD = 5_000  # rows
FIRST_REFUSED = 10

READING, RECORDING = "reading", "recording"


class ImportRefused(Exception):
    """An import that cannot start as asked; the text says why."""


class Sink(Protocol):
    """Where refused rows are written: a csv writer, for example."""

    def writerow(self, row: list[object], /) -> object: ...


@dataclass(slots=True)
class Refusals:
    """Rows that were not taken: how many by column and reason, and the first of them."""

    sink: Sink | None = None
    by_reason: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, line: int, why: Refused) -> None:
        """One row more; `line` as an editor counts."""
        self.by_reason[why.field, why.reason] += 1
        if len(self.first) < FIRST_REFUSED:
            self.first.append((line, why.field, why.reason))
        if self.sink:
            self.sink.writerow([line, why.field, why.reason])

    @property
    def total(self) -> int:
        """Rows refused."""
        return self.by_reason.total()


@dataclass(slots=True)
class Summary:
    """What became of a file. Counts; "new" is what this import recorded, or would have (dry run)."""

    lines: int = 0
    orders_new: int = 0
    orders_known: int = 0
    orders_corrected: int = 0
    orders_without_client: int = 0  # of the new ones
    lines_new: int = 0
    lines_free: int = 0  # of the new ones: at no price
    lines_service: int = 0  # of the new ones: postage, fees …
    refunds_new: int = 0
    refunds_known: int = 0
    refunds_without_client: int = 0  # of the new ones
    refund_lines_new: int = 0
    clients_new: int = 0
    total_new: int = 0  # minor units
    refunded_new: int = 0  # minor units


@dataclass(slots=True, frozen=True)
class Options:
    """`paid`: orders of the file are paid. `triggers`: scenarios hear of them (semantics §6). `replace`: an order
    that is there with other lines becomes as the file says; else its lines are refused."""

    paid: bool = True
    triggers: bool = False
    replace: bool = False
    dry_run: bool = False


# Phase, lines done, share done from 0 to 1.
Progress = Callable[[str, int, float], None]


def find_source(slug: str, currency: str = "") -> Source:
    """The source to import as: the one with this slug, else a new one of kind "import", not yet saved.

    Raises ImportRefused for a slug or a currency that is none.
    """
    if len(slug) > 50 or not slug_re.fullmatch(slug):
        raise ImportRefused(_("a slug is up to 50 letters, digits, hyphens and underscores"))
    if currency and currency not in read.EXPONENTS:
        raise ImportRefused(_("%(currency)s is not a known currency") % {"currency": currency})
    source = Source.objects.filter(slug=slug).first()
    if source is None:
        return Source(kind=Source.Kind.IMPORT, slug=slug, name=slug, currency=currency)
    if source.kind == Source.Kind.PLATFORM:
        raise ImportRefused(_("%(slug)s is the platform itself: choose another source") % {"slug": slug})
    return source


def currency_of(source: Source) -> str:
    """The currency where a file names none: the source's, else the programme's."""
    programme = Programme.objects.filter(pk=1).first() or Programme()
    currency = (source.currency or programme.currency).upper()
    if currency not in read.EXPONENTS:
        raise ImportRefused(_("%(currency)s is not a known currency") % {"currency": currency})
    return currency


def import_orders(
    table: Table,
    source: Source,
    layout: Layout,
    now: datetime,
    options: Options,
    refusals: Refusals,
    progress: Progress,
) -> Summary:
    """Imports every good line of the table; `now` (UTC) is when. Saves `source` if it is new and this is no dry run.

    Chunks commit one by one: stopped half-way, the next run takes up the rest. Raises FileError where the file lacks
    a column or is damaged; then nothing was recorded.
    """
    position = table.position(layout.columns, order_file.NEEDED)
    with Spool() as spool:
        run = _Import(source, layout, now, options, refusals, spool)
        run.read(table, LineReader(position, layout, now), progress)
        if source._state.adding and not options.dry_run:
            source.save()
        run.record(progress)
    return run.summary


class _Import:
    """One import under way."""

    def __init__(
        self, source: Source, layout: Layout, now: datetime, options: Options, refusals: Refusals, spool: Spool
    ) -> None:
        self.summary = Summary()
        self._source = source
        self._layout = layout
        self._now = now
        self._options = options
        self._refusals = refusals
        self._spool = spool

    def read(self, table: Table, reader: LineReader, progress: Progress) -> None:
        progress(READING, 0, 0.0)
        good = self._good(table, reader)
        while lines := list(islice(good, READ_AHEAD)):
            self._spool.add(lines)
            progress(READING, self.summary.lines, min(table.share_read, 0.99))
        progress(READING, self.summary.lines, 1.0)

    def _good(self, table: Table, reader: LineReader) -> Iterator[OrderLine]:
        for line, values in table.rows():
            self.summary.lines += 1
            try:
                if isinstance(values, Refused):
                    raise values
                yield reader.read(line, values)
            except Refused as why:
                self._refusals.add(line, why)

    def record(self, progress: Progress) -> None:
        progress(RECORDING, 0, 0.0)
        why = Refused(
            self._layout.columns["order"],
            _("has more than %(limit)s lines (a wrong column?)") % {"limit": order_file.MAX_LINES},
        )
        for line in self._spool.overlong(order_file.MAX_LINES):
            self._refusals.add(line, why)
        done, to_do = 0, self.summary.lines - self._refusals.total
        for orders in self._chunks():
            self._chunk(orders)
            done += sum(len(order) for order in orders)
            progress(RECORDING, done, done / to_do)
            reset_queries()  # with DEBUG on, Django keeps the text of thousands of statements
        self.summary.clients_new = self._spool.noted()

    def _chunks(self) -> Iterator[list[list[OrderLine]]]:
        orders: list[list[OrderLine]] = []
        lines = 0
        for order in self._spool.orders(order_file.MAX_LINES):
            orders.append(order)
            lines += len(order)
            if lines >= CHUNK_LINES or len(orders) * 2 >= CHUNK_FACTS:
                yield orders
                orders, lines = [], 0
        if orders:
            yield orders

    def _chunk(self, orders: list[list[OrderLine]]) -> None:
        facts: list[Fact] = []
        known = self._known_orders([lines[0].order_id for lines in orders if not lines[0].refund])
        refunded = self._known_refunds([lines[0].order_id for lines in orders if lines[0].refund])
        for found in orders:
            lines, refused = order_file.weigh(found, self._layout)
            for line, why in refused:
                self._refusals.add(line, why)
            if not lines:
                continue
            if lines[0].refund:
                facts += self._refund(lines, refunded)
            else:
                facts += self._order(lines, known)
        self._note_clients(facts)
        if not self._options.dry_run:
            events.record(self._source, facts, self._now)

    def _refund(self, lines: list[OrderLine], known: set[str]) -> list[Fact]:
        if order_file.refund_key(lines[0].order_id) in known:
            self.summary.refunds_known += 1
            return []
        fact = order_file.refund_fact(lines, self._layout, self._options.triggers)
        self.summary.refunds_new += 1
        self.summary.refund_lines_new += len(lines)
        self.summary.refunded_new += order_file.total(lines)
        self.summary.refunds_without_client += not fact.who.external_id
        return [fact]

    def _order(self, lines: list[OrderLine], known: dict[str, tuple[int, int]]) -> list[Fact]:
        summary, options = self.summary, self._options
        there = known.get(lines[0].order_id)
        if there is None:
            facts = order_file.order_facts(lines, self._layout, options.paid, options.triggers)
            summary.orders_new += 1
            summary.orders_without_client += not facts[0].who.external_id
            summary.lines_new += len(lines)
            summary.lines_free += sum(not line.total for line in lines)
            summary.lines_service += sum(order_file.is_service(line.sku, self._layout) for line in lines)
            summary.total_new += order_file.total(lines)
            return facts
        if there == (order_file.total(lines), len(lines)):
            summary.orders_known += 1
            return []
        if options.replace:
            summary.orders_corrected += 1
            return order_file.order_facts(lines, self._layout, options.paid, options.triggers, corrected_at=self._now)
        summary.orders_known += 1
        why = Refused(self._layout.columns["order"], _("is there already with other lines (--replace takes these)"))
        for line in lines:
            self._refusals.add(line.line, why)
        return []

    def _known_orders(self, order_ids: list[str]) -> dict[str, tuple[int, int]]:
        """Sum and number of lines of the orders that are there; one of which only a refund is known is not."""
        if self._source._state.adding:
            return {}
        there = Order.objects.filter(source=self._source, external_id__in=order_ids).exclude(currency="")
        rows = there.annotate(count=Count("lines")).values_list("external_id", "total", "count")
        return {order_id: (total, count) for order_id, total, count in rows}

    def _known_refunds(self, refund_ids: list[str]) -> set[str]:
        if self._source._state.adding:
            return set()
        keys = [order_file.refund_key(refund_id) for refund_id in refund_ids]
        there = Event.objects.filter(source=self._source, external_id__in=keys)
        return set(there.values_list("external_id", flat=True))

    def _note_clients(self, facts: list[Fact]) -> None:
        names = {fact.who.external_id for fact in facts if fact.who.external_id}
        there = Identity.objects.filter(
            kind=Identity.Kind.EXTERNAL, scope=self._source.slug, value__in=names
        ).values_list("value", flat=True)
        self._spool.note(names - set(there))
