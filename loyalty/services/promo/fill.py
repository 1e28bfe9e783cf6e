"""Putting codes into pools: generated or uploaded, a slice at a time, each with its progress (semantics §42)."""

import re
from datetime import datetime
from functools import partial
from itertools import islice

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from loyalty.bulk import copy
from loyalty.models import PromoBatch, PromoPool
from loyalty.services.promo.codes import MAX_LENGTH, MIN_LENGTH, generate, normalise, pretty
from loyalty.services.promo.offer import PromoError

SLICE = 20_000  # codes in one transaction: about a second
MOST = 10_000_000  # codes in one order
KEPT_REFUSALS = 1000  # refused lines that the report shows; all are counted

_CELL = re.compile(r'^\s*"?([^";,\t]*)')
_HEADERS = frozenset(map(normalise, ("code", "codes", "promo code", "promocode", "coupon", "код", "промокод")))

TOO_SHORT = gettext_noop("too short")
TOO_LONG = gettext_noop("too long")
TWICE = gettext_noop("the same as an earlier line or a code that exists")


class FillError(PromoError):
    """An order for codes that cannot be taken; the text says why."""


def order(pool: PromoPool, count: int, now: datetime) -> PromoBatch:
    """Orders `count` generated codes for the pool. Raises FillError."""
    if not 1 <= count <= MOST:
        raise FillError(_("count: from 1 to %(most)d") % {"most": MOST})
    return _take(pool, PromoBatch(pool=pool, kind=PromoBatch.Kind.GENERATE, wanted=count, created_at=now))


def upload(pool: PromoPool, content: bytes, now: datetime) -> PromoBatch:
    """Orders the reading of uploaded codes: one a line, or the first column of a CSV; UTF-8 or Windows-1251.

    Raises FillError where the file holds no line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1251", "replace")
    lines = text.replace("\0", "").splitlines()
    if lines and normalise(_cell(lines[0])) in _HEADERS:
        lines[0] = ""  # kept as an empty line, so that numbers in the report are the file's
    if not any(line.strip() for line in lines):
        raise FillError(_("file: holds no codes"))
    if len(lines) > MOST:
        raise FillError(_("file: holds more than %(most)d lines") % {"most": MOST})
    batch = PromoBatch(pool=pool, kind=PromoBatch.Kind.UPLOAD, wanted=len(lines), text="\n".join(lines), created_at=now)
    return _take(pool, batch)


def _take(pool: PromoPool, batch: PromoBatch) -> PromoBatch:
    with transaction.atomic():
        if pool.kind == PromoPool.Kind.SHARED:
            # One code for everybody is one code.
            PromoPool.objects.select_for_update().get(pk=pool.pk)
            coming = PromoBatch.objects.filter(pool=pool, finished_at=None).exists()
            if batch.wanted > 1 or coming or pool.codes.filter(blocked=False).exists():
                raise FillError(_("pool: a shared pool holds one code; block the old one first"))
        batch.save()
        nudge = import_string(settings.JOB_NUDGE)
        transaction.on_commit(partial(nudge, "loyalty.jobs.fill_pools", "default"), robust=True)
    return batch


def fill_next(now: datetime) -> bool:
    """Works off one slice of the oldest order that nobody else is at; answers whether there was one."""
    with transaction.atomic():
        batch = (
            PromoBatch.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("pool")
            .filter(finished_at=None)
            .order_by("pk")
            .first()
        )
        if batch is None:
            return False
        (_generate if batch.kind == PromoBatch.Kind.GENERATE else _read)(batch)
        written = ["done", "added", "refused", "report"]
        if batch.done >= batch.wanted:
            batch.finished_at, batch.text = now, ""
            written += ["finished_at", "text"]
        batch.save(update_fields=written)
        PromoPool.objects.filter(pk=batch.pool_id, dry_at__isnull=False).update(dry_at=None)
    return True


def _generate(batch: PromoBatch) -> None:
    # The alphabet has no look-alikes: a generated code is its own normal form.
    codes = generate(min(SLICE, batch.wanted - batch.done), batch.pool.length)
    added = len(_insert(batch.pool, [(number, pretty(code), code) for number, code in enumerate(codes)]))
    # One that was there already, by a chance of 1 to 10¹⁰ at worst, is made again in the next slice.
    batch.done += added
    batch.added += added


def _read(batch: PromoBatch) -> None:
    lines = batch.text.split("\n")
    rows: list[tuple[int, str, str]] = []
    refused: list[tuple[int, str, str]] = []
    for number, line in enumerate(islice(lines, batch.done, batch.done + SLICE), batch.done + 1):
        code = _cell(line)
        normal = normalise(code)
        if not code and not line.strip():
            continue
        if len(normal) < MIN_LENGTH:
            refused.append((number, code[:64], TOO_SHORT))
        elif len(normal) > MAX_LENGTH or len(code) > 64:
            refused.append((number, code[:64], TOO_LONG))
        else:
            rows.append((number, code, normal))
    taken = _insert(batch.pool, rows)
    refused += [(number, code, TWICE) for number, code, _normal in rows if number not in taken]
    batch.done = min(batch.done + SLICE, batch.wanted)
    batch.added += len(taken)
    batch.refused += len(refused)
    batch.report = (batch.report + [list(line) for line in sorted(refused)])[:KEPT_REFUSALS]


def _cell(line: str) -> str:
    """The first column of a line, whatever its delimiter."""
    match = _CELL.match(line)
    return match.group(1).strip() if match else ""


def _insert(pool: PromoPool, rows: list[tuple[int, str, str]]) -> set[int]:
    """Adds codes that are nobody's yet, of (number, code, normalised); returns the numbers of those it added."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE new_codes (number int, code text, normal text) ON COMMIT DROP")
        copy("new_codes", "number, code, normal", rows)
        cursor.execute(
            """WITH first AS (SELECT DISTINCT ON (normal) number, code, normal FROM new_codes ORDER BY normal, number),
               added AS (
                 INSERT INTO loyalty_promocode (pool_id, code, normal, uses, max_uses, blocked)
                 SELECT %s, code, normal, 0, %s, false FROM first ORDER BY number
                 ON CONFLICT (normal) DO NOTHING RETURNING normal)
               SELECT number FROM first JOIN added USING (normal)""",
            [pool.pk, pool.uses_per_code],
        )
        added = {number for (number,) in cursor.fetchall()}
        cursor.execute("DROP TABLE new_codes")
    return added
