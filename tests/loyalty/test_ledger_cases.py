"""Other projects' ledger cases, run from their file: lots, expiry, reversals, holds, concurrency.

What each case says is in ../shared/ledger-cases.yaml; `adopt` and `adapt` must hold, `reject` must not.
The cases of rules, levels and redemption are in test_ledger_cases_programme.py.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from django.db import connection

from config.env import ROOT
from loyalty.models import BonusLot, BonusOperation
from loyalty.money import apportion
from loyalty.services import ledger
from loyalty.services.ledger import Grant
from tests import builders as b
from tests.loyalty.api.calling import Till

FILE = ROOT.parent / "shared" / "ledger-cases.yaml"
ZONE = ZoneInfo("Europe/Moscow")
D = datetime(2026, 1, 10, 12, tzinfo=UTC)  # the cases' "D"
DAY = timedelta(days=1)

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the file of cases is not beside this checkout")


@cache
def _cases() -> dict[str, dict[str, Any]]:
    if not FILE.exists():
        return {}
    return {case["id"]: case for case in yaml.safe_load(FILE.read_text())["cases"]}


def _moment(value: Any) -> datetime:
    """A case's time: a date, a date with time, or days from D."""
    text = str(value)
    if match := re.fullmatch(r"D([+-]\d+)?", text):
        return D + int(match[1] or 0) * DAY
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


class Player:
    """Plays a case's operations on a client of its own and remembers what they did."""

    def __init__(self) -> None:
        self.client = b.client(consent=False)
        self.earned: dict[str, int] = {}
        self.spent: list[tuple[str, int, int]] = []
        self.clawed = 0
        self.now = D
        self.steps = 0

    def play(self, step: dict[str, Any]) -> None:
        self.steps += 1
        self.now = max(self.now, _moment(step["at"])) if "at" in step and self.steps > 1 else _moment(step.get("at", D))
        key = f"{self.client.pk}:{self.steps}"
        if "earn" in step:
            expires = step.get("exp") and _moment(step["exp"])
            grant = Grant(self.client.pk, step["pts"], key, self.now, expires)
            self.earned[step["earn"]] = ledger.accrue("case", grant, self.now)
        elif step.get("force"):
            # Only a clawback may create a debt: what was spent elsewhere is taken back from the earning.
            owed = step["debit"] - ledger.balance(self.client.pk, self.now).available
            first = next(iter(self.earned.values()))
            ledger.spend("case", self.client.pk, step["debit"] - owed, key, self.now)
            granted = BonusOperation.objects.get(pk=first).amount
            ledger.clawback("case", first, granted - owed, f"{key}:c", self.now)
        elif "debit" in step:
            ledger.spend("case", self.client.pk, step["debit"], key, self.now)
        elif "redeem" in step:
            order = step["order"]
            operation = ledger.spend("case", self.client.pk, step["redeem"], f"{self.client.pk}:{order}", self.now)
            self.spent.append((order, operation, step["redeem"]))
        elif "rollback" in step:
            _order, operation, amount = next(spent for spent in self.spent if spent[0] == step["rollback"])
            ledger.refund("case", operation, amount, f"{self.client.pk}:back:{step['rollback']}", self.now)
        elif "clawback" in step:
            before = self.net()
            ledger.clawback("case", self.earned[step["clawback"]], 0, key, self.now)
            self.clawed += before - self.net()
        elif "expire" in step or "sweep" in step:
            self.now = _moment(step.get("sweep", step.get("at")))
            ledger.burn_lapsed(self.now, ZONE)
        else:
            raise AssertionError(f"a step of no known kind: {step}")

    def net(self) -> int:
        """Available less debt: what projects that let a balance go negative call the balance."""
        balance = ledger.balance(self.client.pk, self.now)
        return balance.available - balance.debt

    def lots(self) -> dict[str, int]:
        left = dict(BonusLot.objects.filter(client=self.client).values_list("operation", "remaining"))
        return {name: left[operation] for name, operation in self.earned.items()}

    def burnt(self) -> list[int]:
        burns = BonusOperation.objects.filter(client=self.client, kind="burn").order_by("id")
        return [-amount for amount in burns.values_list("amount", flat=True)]


REPLAYED = (
    "LOT-01 LOT-02 LOT-03 LOT-05 LOT-06 LOT-08 LOT-09 EXP-01 EXP-02 EXP-04 EXP-05 EXP-06 EXP-07 EXP-08 EXP-09"
    " REF-01 REF-02 REF-03 REF-04 REF-05"
).split()


@pytest.mark.django_db
@pytest.mark.parametrize("case_id", REPLAYED)
def test_operations_lead_to_the_numbers_of_the_case(case_id):
    case = _cases()[case_id]
    assert case["fit"] in ("adopt", "adapt")
    player = Player()
    steps = list(case["ops"])
    if case_id in ("EXP-04", "EXP-05"):
        # Adapted: the original spends in the order written, after the expiry; the dates say before it.
        steps.sort(key=lambda step: _moment(step.get("at", step.get("sweep"))))
    for step in steps:
        player.play(step)
    expected = dict(case["expect"])
    if case_id == "REF-02":
        # Clamped to zero in the original; for us what is missing is a debt, and available stays at zero.
        assert ledger.balance(player.client.pk, player.now) == ledger.Balance(debt=100)
        return
    if case_id == "REF-05":
        assert BonusOperation.objects.filter(client=player.client, kind="spend").count() == expected["redeem_rows"]
        assert BonusOperation.objects.filter(client=player.client, kind="refund").count() == expected["rollback_rows"]
        assert player.net() == expected["balance_final"]
        assert player.lots() == {"A": 1000}  # adapted: restored to its own lot
        return
    if "balance" in expected:
        assert player.net() == expected["balance"]
    if "deficit" in expected:
        assert ledger.balance(player.client.pk, player.now).debt == expected["deficit"]
    if "lots" in expected:
        assert player.lots() == expected["lots"]
    if "allocations" in expected:
        taken = {name: BonusLot.objects.get(operation=op).amount for name, op in player.earned.items()}
        assert {name: taken[name] - left for name, left in player.lots().items()} == expected["allocations"]
    if "expire_rows" in expected:
        assert player.burnt() == [row for row in expected["expire_rows"] if row]  # no row for nothing
    if "clawed" in expected:
        assert player.clawed == expected["clawed"]
    if "clawback_rows" in expected:
        assert BonusOperation.objects.filter(client=player.client, kind="clawback").count() == expected["clawback_rows"]
    assert ledger.audit() == []


@pytest.mark.parametrize(("case_id", "locked_days"), [("EXP-11", 2), ("EXP-12", 0)])
def test_validity_counts_from_activation_to_the_end_of_the_last_day(case_id, locked_days):
    assert _cases()[case_id]["fit"] == "adapt"
    activates = D + locked_days * DAY
    last_day = activates.astimezone(ZONE).date() + 10 * DAY
    assert (ledger.lifetime_end(activates, 10, ZONE) - timedelta(seconds=1)).astimezone(ZONE).date() == last_day


def test_a_stored_expiry_is_the_start_of_the_day_in_the_programmes_zone():
    assert _cases()["EXP-14"]["fit"] == "reject"
    end = ledger.lifetime_end(datetime(2026, 1, 9, 22, tzinfo=UTC), 0, ZONE)
    assert end.astimezone(ZONE).strftime("%d.%m %H:%M") == "11.01 00:00"


@pytest.mark.django_db
def test_asking_for_more_than_there_is_fails_rather_than_being_clamped():
    case = _cases()["REF-06"]
    assert case["fit"] == "reject"
    player = Player()
    player.play(case["ops"][0])
    with pytest.raises(ledger.InsufficientBonuses):
        player.play(case["ops"][1])
    assert player.net() == case["ops"][0]["pts"] != case["expect"]["sylius_balance"]


@pytest.mark.django_db
def test_a_negative_balance_is_a_debt_that_the_next_accrual_repays():
    expected = _cases()["REF-10"]["expect"]
    player = Player()
    for step in ({"earn": "A", "pts": 100}, {"debit": 100}, {"clawback": "A"}):
        player.play(step)
    assert player.net() == expected["balance"]
    player.play({"earn": "B", "pts": 50})
    assert player.net() == expected["next_accrual_50"]["balance"]


@pytest.mark.django_db
class TestHolds:
    def _client(self, amount):
        client = b.client(consent=False)
        ledger.accrue("case", Grant(client.pk, amount, f"a{client.pk}", D), D)
        return client

    def test_holds_lapse_by_time(self):
        case = _cases()["HOLD-01"]["expect"]
        client = self._client(46)
        far = D + 365 * DAY
        holds = {
            amount: ledger.hold(
                "case", client.pk, amount, f"h{amount}", D + timedelta(seconds=amount - 10) if amount > 10 else far, D
            )
            for amount in (10, 11, 12, 13)
        }
        for seconds, pending in case["pending_at_s"].items():
            assert ledger.balance(client.pk, D + timedelta(seconds=int(seconds))).held == pending
        later = D + timedelta(seconds=3)
        for amount in (11, 12, 13):
            assert case[f"post_hold{amount}"] == "expired"
            with pytest.raises(ledger.HoldExpired):
                ledger.capture(holds[amount], amount, later)
        ledger.capture(holds[10], 10, later)
        assert ledger.balance(client.pk, later) == ledger.Balance(available=36)

    def test_what_remains(self):
        for row in _cases()["HOLD-03"]["table"]:
            if "amount" not in row:
                continue  # an invalidated credit has no twin here: credits are corrected or clawed back
            client = self._client(row["amount"])
            if row["used"]:
                ledger.spend("case", client.pk, row["used"], f"s{client.pk}", D)
            if row["authorized"]:
                ledger.hold("case", client.pk, row["authorized"], f"h{client.pk}", D + DAY, D)
            assert ledger.balance(client.pk, D).available == row["remaining"]

    def test_capture(self):
        fits, too_much, _currency = _cases()["HOLD-04"]["table"]
        client = self._client(100)
        held = ledger.hold("case", client.pk, 10, "h", D + DAY, D)
        with pytest.raises(ledger.TooMuch):
            ledger.capture(held, too_much["capture"], D)
        assert ledger.balance(client.pk, D).held == 10  # unchanged; bonuses have no currency
        ledger.capture(held, fits["capture"], D)
        assert ledger.balance(client.pk, D) == ledger.Balance(available=100 - fits["used"])

    def test_void_and_credit(self):
        table = _cases()["HOLD-05"]["table"]
        client = self._client(200)
        with pytest.raises(ledger.NotFound):
            ledger.release(10**9, D)
        captured = ledger.hold("case", client.pk, 100, "h1", D + DAY, D)
        operation = ledger.capture(captured, 100, D)
        with pytest.raises(ledger.HoldResolved):
            ledger.release(captured, D)
        authorized = ledger.hold("case", client.pk, 10, "h2", D + DAY, D)
        before = ledger.balance(client.pk, D).held
        ledger.release(authorized, D)
        assert ledger.balance(client.pk, D).held - before == table[2]["authorized_delta"]
        ledger.refund("case", operation, table[3]["credit"], "r1", D)
        small = ledger.capture(ledger.hold("case", client.pk, table[4]["of_captured"], "h3", D + DAY, D), 5, D)
        with pytest.raises(ledger.TooMuch):
            ledger.refund("case", small, table[4]["credit"], "r2", D)

    def test_a_hold_of_the_whole_amount_fits_exactly(self):
        assert _cases()["HOLD-07"]["expect"]["result"] == "ok"
        client = self._client(821)  # 8.21 in minor units: integers lose nothing
        ledger.hold("case", client.pk, 821, "h", D + DAY, D)
        assert ledger.balance(client.pk, D).available == 0


@pytest.mark.django_db
def test_the_same_key_is_the_same_transaction_and_another_body_is_refused():
    same, other = _cases()["CON-02"]["table"]
    assert same["result"] == "same_transaction_id"
    assert other["result"] == "validation_error"
    client = b.client()
    grant = Grant(client.pk, 100, "k", D)
    assert ledger.accrue("case", grant, D) == ledger.accrue("case", grant, D)
    with pytest.raises(ledger.KeyReused):
        ledger.accrue("case", Grant(client.pk, 200, "k", D), D)


@pytest.mark.django_db
def test_awarding_the_same_order_twice_is_one_row():
    expected = _cases()["CON-05"]["expect"]
    client = b.client()
    for _ in range(2):
        ledger.accrue("order", Grant(client.pk, 250, "order:1:cashback", D), D)
    assert ledger.balance(client.pk, D).available == expected["balance"]
    assert BonusOperation.objects.count() == expected["rows"]


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_commits_of_one_hold_one_succeeds():
    client = b.client()
    ledger.accrue("case", Grant(client.pk, 10, "a", D), D)
    held = ledger.hold("case", client.pk, 10, "h", D + DAY, D)

    def commit(_):
        try:
            return bool(ledger.capture(held, 10, D))
        except ledger.HoldResolved:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(commit, range(100))) == _cases()["CON-03"]["expect"]["success"]


def test_a_split_in_proportion_conserves_the_total():
    expected = _cases()["LOT-10"]["expect"]["sum_of_parts"]
    assert apportion(8000, [7500, 2500]) == [6000, 2000]
    assert sum(apportion(8000, [1, 1, 1])) == expected


@pytest.mark.django_db
def test_a_stored_failure_is_replayed_and_a_new_attempt_needs_a_new_key():
    assert _cases()["CON-06"]["fit"] == "adapt"
    till, anna = Till(), b.client()
    body = {"client": str(anna.pk), "amount": 50}
    first = till.post("bonuses/holds/", body, "T")
    ledger.accrue("case", Grant(anna.pk, 100, "topped up", D), D)
    again = till.post("bonuses/holds/", body, "T")
    assert (first.status_code, again.json()) == (again.status_code, first.json())
    assert first.status_code >= 400
    assert till.post("bonuses/holds/", body, "T2").status_code == 201


def test_every_case_of_the_file_is_run_somewhere():
    here = (ROOT / "tests" / "loyalty" / "test_ledger_cases.py").read_text()
    there = (ROOT / "tests" / "loyalty" / "test_ledger_cases_programme.py").read_text()
    assert [case_id for case_id in _cases() if case_id not in here + there] == []
