"""`accrue`: bonuses to N clients through the ledger, set-based: operation, lot, entry, account, event.

The floor is COPY into the same tables, with ids taken from their sequences beforehand, and one upsert of the
accounts: no lock of accounts before, no debt, no key that may have been posted before.
"""

from datetime import datetime, timedelta

import psycopg
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from loyalty.services import ledger, stream

BATCH = 5000  # clients in one transaction, as the engine does
ROUNDS = 3
AMOUNT = 300
LIFE = timedelta(days=30)


def run(size: int) -> Result:
    """Accrues to `size` clients a round on either side, each round under keys of its own."""
    now = timezone.now()
    harness.say("making clients …")
    first, last = people.make(size, now)
    platform = stream.platform().pk
    harness.settle()
    with harness.floor_connection() as database:
        products, floors = harness.rounds(
            ROUNDS,
            lambda n: _product(range(first, last + 1), f"product:{n}", now),
            lambda n: _floor(database, platform, range(first, last + 1), f"floor:{n}", now),
        )
    differences = ledger.audit()
    if differences:
        raise SystemExit(f"error: the ledger does not add up: {differences[:3]}")
    return harness.compare("accrue", size, products, floors, size, harness.peak_rss_mb())


def _batches(ids: range) -> list[range]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _product(ids: range, key: str, now: datetime) -> None:
    for batch in _batches(ids):
        grants = [ledger.Grant(client, AMOUNT, f"{key}:{client}", now, now + LIFE, "benchmark") for client in batch]
        ledger.accrue_many("benchmark", grants, now)


def _reserve(cursor: psycopg.Cursor, table: str, number: int) -> int:
    row = cursor.execute(
        "SELECT setval(s, nextval(s) + %s - 1) FROM pg_get_serial_sequence(%s, 'id') AS s", [number, table]
    ).fetchone()
    return row[0] - number + 1  # type: ignore[index]  # one row


def _floor(database: psycopg.Connection, platform: int, ids: range, key: str, moment: datetime) -> None:
    now, end = moment.isoformat(), (moment + LIFE).isoformat()
    payload = f'{{"amount": {AMOUNT}, "reason": "benchmark", "expires_at": "{end}"}}'
    for batch in _batches(ids):
        with database.transaction(), database.cursor() as cursor:
            op, lot, event = (
                _reserve(cursor, table, len(batch))
                for table in ("loyalty_bonusoperation", "loyalty_bonuslot", "loyalty_event")
            )
            rows = list(enumerate(batch))
            fingerprint = "f" * 64
            _copy(
                cursor,
                "loyalty_bonusoperation (id, client_id, kind, amount, source, key, fingerprint, reason, posted_at)",
                (
                    f"{op + n}\t{c}\taccrue\t{AMOUNT}\tfloor\t{key}:{c}\t{fingerprint}\tbenchmark\t{now}\n"
                    for n, c in rows
                ),
            )
            _copy(
                cursor,
                "loyalty_bonuslot (id, client_id, operation_id, amount, remaining, activates_at, expires_at,"
                " notify_burn)",
                (f"{lot + n}\t{c}\t{op + n}\t{AMOUNT}\t{AMOUNT}\t{now}\t{end}\tf\n" for n, c in rows),
            )
            _copy(
                cursor,
                "loyalty_bonusentry (operation_id, lot_id, client_id, amount)",
                (f"{op + n}\t{lot + n}\t{c}\t{AMOUNT}\n" for n, c in rows),
            )
            _copy(
                cursor,
                "loyalty_event (id, source_id, external_id, name, client_id, anonymous_id, occurred_at, received_at,"
                " payload, depth)",
                (
                    f"{event + n}\t{platform}\tfloor:{op + n}\tbonus.accrued\t{c}\t\t{now}\t{now}\t{payload}\t0\n"
                    for n, c in rows
                ),
            )
            _copy(cursor, "loyalty_unreadevent (event_id)", (f"{event + n}\n" for n, _ in rows))
            cursor.execute(
                """INSERT INTO loyalty_bonusaccount AS a (client_id, posted, debt)
                   SELECT c, %s, 0 FROM unnest(%s::bigint[]) AS c
                   ON CONFLICT (client_id) DO UPDATE SET posted = a.posted + EXCLUDED.posted""",
                [AMOUNT, list(batch)],
            )


def _copy(cursor: psycopg.Cursor, target: str, lines: object) -> None:
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        copy.write("".join(lines))  # type: ignore[call-overload]  # an iterable of text
