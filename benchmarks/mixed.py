"""`mixed`: due runs leave a wait and go through an If with three conditions, an accrual, a promo code and a message.

One process moves them to their end. The floor claims as many runs in the same batches and writes the same rows: the
ledger's operation, lot, entry and account, the code and its issue, both events with their places in the queue, the
message, five log lines and the run. It asks no condition, looks for no key that was used before, locks no account,
and its text is constant.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson
import psycopg
from django.db.models import Model
from django.utils import timezone

from benchmarks import harness, people
from benchmarks.harness import Result
from loyalty.models import BonusEntry, BonusLot, BonusOperation, Event, PromoCode, PromoIssue, UnreadEvent
from loyalty.services import ledger, stream
from messaging.models import Message
from scenarios.engine.advance import BATCH, advance_due
from scenarios.models import Branch, Fork, RunLog, Scenario, ScenarioRun
from segments.conditions.consent import ConsentCondition
from segments.models import AttributeCondition, EventCountCondition, Group
from tests import builders

AMOUNT = 300
MINOR = AMOUNT  # bonuses have no fractions here
LIFE = 30  # days
SUBJECT = "{{ client.first_name | default: 'Friend' }}, a present"
BODY = "You have {{ bonus.available }} bonuses. Your code: {{ promo.code }}, until {{ promo.until }}."


def run(size: int) -> Result:
    """Moves `size` runs, a batch of the engine's own size at a time."""
    now = timezone.now()
    ids = people.make(size, now)
    product, constant = _Flow(size, now), _Flow(size, now)
    for made in (product, constant):
        made.enrol(ids, now)
    # Only one of the two takes part: the floor's runs are moved by its own program.
    Scenario.objects.filter(pk=constant.scenario.pk).update(status=Scenario.Status.PAUSED)
    harness.settle()
    batch = min(BATCH, size)
    with harness.floor_connection() as database:
        program = _Floor(database, constant, now)
        products, floors = harness.rounds(
            -(-size // batch), lambda _: _product(now, batch), lambda _: program.advance(batch)
        )
    _check(product, constant, size)
    return harness.compare("mixed", size, products, floors, batch, harness.peak_rss_mb())


class _Flow:
    """A published scenario, and a pool with a code for everybody."""

    def __init__(self, size: int, now: datetime) -> None:
        self.pool = builders.promo_pool(size, days_after_issue=14)
        self.scenario = builders.scenario()
        trunk = builders.trunk(self.scenario)
        self.wait = builders.wait(trunk).key
        fork, self.yes = self._fork(trunk)
        self.fork = fork.key
        self.accrue = builders.accrue(self.yes, AMOUNT, LIFE).key
        self.promo = builders.issue_promo(self.yes, self.pool).key
        self.message = builders.email(self.yes, subject=SUBJECT, body=BODY).key
        builders.live(self.scenario, now)

    def _fork(self, trunk: Branch) -> tuple[Fork, Branch]:
        """All of three conditions must hold; they do, so that both sides have as much to write."""
        fork = builders.add(Fork, trunk, label="If")
        group = Group.objects.create()
        AttributeCondition.objects.create(parent=group, attribute="attributes.city", value="Riga")
        ConsentCondition.objects.create(parent=group)
        EventCountCondition.objects.create(parent=group, event_name="order.created", bound="at_most", count=0)
        yes = Branch.objects.create(scenario=self.scenario, fork=fork, position=0, conditions=group)
        Branch.objects.create(scenario=self.scenario, fork=fork, position=1, is_default=True)
        return fork, yes

    def enrol(self, ids: tuple[int, int], now: datetime) -> None:
        """Runs of all clients whose wait ended in the last half hour."""
        people.fill(
            ScenarioRun,
            "FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS id",
            {"scenario": self.scenario.pk, "step": self.wait, "now": now, "first": ids[0], "last": ids[1]},
            scenario_id="%(scenario)s",
            client_id="id",
            occurrence="'benchmark'",
            step_key="%(step)s",
            waiting="true",
            waiting_since="%(now)s - interval '1 hour'",
            waiting_until="%(now)s - interval '1 minute'",
            visits="1",
            due_at="%(now)s - interval '1 minute' - random() * interval '30 minutes'",
            entered_at="%(now)s - interval '1 hour'",
        )


def _product(now: datetime, limit: int) -> None:
    advance_due(now, limit)


class _Floor:
    """The cheapest program that does the same to the database."""

    def __init__(self, database: psycopg.Connection, flow: _Flow, now: datetime) -> None:
        self.database = database
        self.flow = flow
        self.platform = stream.platform().pk
        self.moment = now
        self.now = now.isoformat()
        self.ends = (now + timedelta(days=LIFE)).isoformat()
        self.until = (now + timedelta(days=14)).isoformat()
        self.cursor = database.cursor()

    def advance(self, limit: int) -> None:
        """Moves one batch in one transaction."""
        flow, now = self.flow, self.now
        with self.database.transaction():
            runs = self.cursor.execute(
                """SELECT r.id, r.client_id, c.email FROM scenarios_scenariorun r
                   JOIN loyalty_client c ON c.id = r.client_id
                   WHERE r.scenario_id = %s AND r.state = 'active' AND r.due_at <= %s
                   ORDER BY r.due_at LIMIT %s FOR NO KEY UPDATE OF r SKIP LOCKED""",
                [flow.scenario.pk, self.moment, limit],
            ).fetchall()
            codes = self._codes([client for _run, client, _email in runs])
            self._accrue(runs)
            issue = self._reserve(PromoIssue, len(runs))
            self._copy(
                PromoIssue,
                "id, pool_id, code_id, client_id, key, issued_at, expires_at",
                (
                    f"{issue + n}\t{flow.pool.pk}\t{codes[n][0]}\t{client}\trun:{run}:{flow.promo}:4\t{now}"
                    f"\t{self.until}\n"
                    for n, (run, client, _email) in enumerate(runs)
                ),
            )
            self._events("promo.issued", [
                (f"promo:{issue + n}", client,
                 {"code": codes[n][1], "pool": flow.pool.slug, "expires_at": self.until, "until": self.until[:10],
                  "caused_by": flow.scenario.pk})
                for n, (_run, client, _email) in enumerate(runs)
            ])  # fmt: skip
            message = self._reserve(Message, len(runs))
            text = f"Friend, a present\tYou have 1200 bonuses. Your code: 3A4C-6DEF-7GHJ, until {self.until[:10]}."
            self._copy(
                Message,
                "id, client_id, scenario_id, run_id, step_key, visit, channel, topic, address, subject, body, due_at,"
                " created_at",
                (
                    f"{message + n}\t{client}\t{flow.scenario.pk}\t{run}\t{flow.message}\t5\temail\tmarketing\t{email}"
                    f"\t{text}\t{now}\t{now}\n"
                    for n, (run, client, email) in enumerate(runs)
                ),
            )
            self._log(runs, message, [code for _id, code in codes])
            self.cursor.execute(
                """UPDATE scenarios_scenariorun r SET state = 'completed', step_key = %s, waiting = false, visits = 5,
                     waiting_since = NULL, waiting_until = NULL, due_at = NULL, finished_at = %s,
                     context = n.context::jsonb
                   FROM unnest(%s::bigint[], %s::text[]) AS n(id, context) WHERE r.id = n.id""",
                [
                    flow.message,
                    self.moment,
                    [run for run, _client, _email in runs],
                    [
                        orjson.dumps(
                            {"promo": {"code": code, "until": self.until[:10], "pool": flow.pool.name}}
                        ).decode()
                        for _id, code in codes
                    ],
                ],
            )

    def _codes(self, clients: list[int]) -> list[tuple[int, str]]:
        """Takes the next free codes."""
        return self.cursor.execute(
            """UPDATE loyalty_promocode c SET client_id = n.client_id, issued_at = %s
               FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
                       SELECT id FROM loyalty_promocode WHERE pool_id = %s AND issued_at IS NULL AND NOT blocked
                       ORDER BY id LIMIT %s) AS f) AS free
               JOIN unnest(%s::bigint[]) WITH ORDINALITY AS n(client_id, place) USING (place)
               WHERE c.id = free.id RETURNING c.id, c.code""",
            [self.moment, self.flow.pool.pk, len(clients), clients],
        ).fetchall()

    def _accrue(self, runs: list[tuple[int, int, str]]) -> None:
        key, now, fingerprint = self.flow.accrue, self.now, "f" * 64
        op, lot = self._reserve(BonusOperation, len(runs)), self._reserve(BonusLot, len(runs))
        rows = [(n, run, client) for n, (run, client, _email) in enumerate(runs)]
        self._copy(
            BonusOperation,
            "id, client_id, kind, amount, source, key, fingerprint, posted_at",
            (f"{op + n}\t{c}\taccrue\t{MINOR}\tfloor\trun:{run}:{key}:3\t{fingerprint}\t{now}\n" for n, run, c in rows),
        )
        self._copy(
            BonusLot,
            "id, client_id, operation_id, amount, remaining, activates_at, expires_at",
            (f"{lot + n}\t{c}\t{op + n}\t{MINOR}\t{MINOR}\t{now}\t{self.ends}\n" for n, _run, c in rows),
        )
        self._copy(
            BonusEntry,
            "operation_id, lot_id, client_id, amount",
            (f"{op + n}\t{lot + n}\t{c}\t{MINOR}\n" for n, _run, c in rows),
        )
        self.cursor.execute(
            """INSERT INTO loyalty_bonusaccount AS a (client_id, posted, debt)
               SELECT c, %s, 0 FROM unnest(%s::bigint[]) AS c
               ON CONFLICT (client_id) DO UPDATE SET posted = a.posted + EXCLUDED.posted""",
            [MINOR, [c for _n, _run, c in rows]],
        )
        told = {"amount": MINOR, "reason": "", "expires_at": self.ends, "caused_by": self.flow.scenario.pk}
        self._events("bonus.accrued", [(f"bonus:floor:{op + n}", c, told) for n, _run, c in rows])

    def _events(self, name: str, told: list[tuple[str, int, dict[str, object]]]) -> None:
        """Events of clients, by external id, with their places in the queue."""
        first = self._reserve(Event, len(told))
        self._copy(
            Event,
            "id, source_id, external_id, name, client_id, occurred_at, received_at, payload, depth",
            (
                f"{first + n}\t{self.platform}\t{external_id}\t{name}\t{client}\t{self.now}\t{self.now}"
                f"\t{orjson.dumps(payload).decode()}\t1\n"
                for n, (external_id, client, payload) in enumerate(told)
            ),
        )
        self._copy(UnreadEvent, "event_id", (f"{first + n}\n" for n in range(len(told))))

    def _log(self, runs: list[tuple[int, int, str]], message: int, codes: list[str]) -> None:
        flow, now = self.flow, self.now
        scenario = flow.scenario.pk
        lines = []
        for n, (run, client, _email) in enumerate(runs):
            head, tail = f"{scenario}\t{client}\t{run}\t1\t", f"\t{now}\n"
            lines += [
                f"{head}step\t{flow.fork}\tFork\t{flow.yes.key}\t\t\\N\t\\N{tail}",
                f"{head}step\t{flow.accrue}\tAccrueBonuses\t\t\t\\N\t{MINOR}{tail}",
                f"{head}step\t{flow.promo}\tIssuePromoCode\t\t{codes[n]}\t\\N\t\\N{tail}",
                f"{head}step\t{flow.message}\tSendMessage\t\t\t{message + n}\t\\N{tail}",
                f"{head}ended\t\t\t\t\t\\N\t\\N{tail}",
            ]
        self._copy(
            RunLog,
            "scenario_id, client_id, run_id, release, kind, step_key, step_type, branch, detail, message_id, bonuses,"
            " created_at",
            lines,
        )

    def _reserve(self, model: type[Model], number: int) -> int:
        """The first of so many ids."""
        row = self.cursor.execute(
            "SELECT setval(s, nextval(s) + %s - 1) FROM pg_get_serial_sequence(%s, 'id') AS s",
            [number, model._meta.db_table],
        ).fetchone()
        return row[0] - number + 1  # type: ignore[index]  # one row

    def _copy(self, model: type[Model], columns: str, lines: Iterable[str]) -> None:
        """Appends rows; columns that are not told and must not be null have their blank value."""
        blank = harness.blanks(model, columns)
        tail = "".join(f"\t{_text(value)}" for value in blank.values()) + "\n"
        into = ", ".join([columns, *blank])
        with self.cursor.copy(f"COPY {model._meta.db_table} ({into}) FROM STDIN") as copy:
            copy.write("".join(lines).replace("\n", tail) if blank else "".join(lines))


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _check(product: _Flow, constant: _Flow, size: int) -> None:
    """Both sides wrote as many rows of every kind, and the books add up."""
    for model in (Message, RunLog):
        counts = [model.objects.filter(scenario_id=flow.scenario.pk).count() for flow in (product, constant)]
        if counts[0] != counts[1]:
            raise SystemExit(f"error: {model.__name__}: the product wrote {counts[0]} rows, the floor {counts[1]}")
    for flow in (product, constant):
        issued = PromoCode.objects.filter(pool=flow.pool, issued_at__isnull=False).count()
        done = ScenarioRun.objects.filter(scenario=flow.scenario, state="completed").count()
        events = Event.objects.filter(payload__caused_by=flow.scenario.pk).count()
        if (issued, done, events) != (size, size, 2 * size):
            raise SystemExit(f"error: {issued} codes, {done} runs and {events} events instead of {size} and twice that")
    if differences := ledger.audit():
        raise SystemExit(f"error: the ledger does not add up: {differences[:3]}")
