"""Other projects' ledger cases, run from their file: accrual, redemption, levels, birthdays, returns of orders.

What each case says is in ../shared/ledger-cases.yaml; those of the ledger itself are in test_ledger_cases.py.
"""

import re
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from config.env import ROOT
from loyalty.intake.facts import Line, ProductFact
from loyalty.models import BonusOperation, Level
from loyalty.services import birthdays, ledger, purchases
from loyalty.services.accrual import Accrual, Rule, Standing, Terms, compute
from loyalty.services.basket import Item
from loyalty.services.levels import reached
from loyalty.services.redemption import Spending, limit
from tests import builders as b
from tests.builders import NOW

FILE = ROOT.parent / "shared" / "ledger-cases.yaml"
ZONE = ZoneInfo("Europe/Moscow")

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the file of cases is not beside this checkout")


@cache
def _cases() -> dict[str, dict[str, Any]]:
    return {case["id"]: case for case in yaml.safe_load(FILE.read_text())["cases"]}


def case(number: str) -> dict[str, Any]:
    """A case; a mark that we do not expect fails, so that a changed file is looked at again."""
    found = _cases()[number]
    assert found["fit"] in ("adopt", "adapt")
    return found


def rows(number: str) -> list[dict[str, Any]]:
    return case(number)["table"]


def numbers(text: str) -> list[Decimal]:
    return [Decimal(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def earned(basis: int, *rules: Rule, level: Standing | None = None, terms: Terms | None = None) -> Accrual:
    """What an order of one line earns; `basis` in minor units."""
    return compute([Item(basis)], level, rules, [0], NOW, ZONE, terms or Terms())


def steps(number: int, points: Any, per: int, **values: Any) -> Rule:
    return Rule(number, f"{points} for every {per}", "steps", bonuses=Decimal(points), per=per, **values)


def percent(value: Any = 100) -> Rule:
    return Rule(1, "percent", "percent", percent=Decimal(value))


def a_line(total: int) -> list[Line]:
    return [Line(ProductFact("p1"), Decimal(1), total, total)]


def test_no_case_of_the_programme_is_left_out():
    ours = {number for number in _cases() if number.split("-")[0] in ("ACC", "RED", "LVL", "ACT")} | {"REF-11"}
    named = {name.upper().replace("_", "-") for name in re.findall(r"def test_([a-z]{3}_\d\d)", _source())}
    assert named == ours


def _source() -> str:
    return (ROOT / "tests" / "loyalty" / "test_ledger_cases_programme.py").read_text()


def test_acc_01_points_for_every_full_sum():
    for row in rows("ACC-01"):
        assert earned(row["basis"], steps(1, row["pts"], row["per"])).bonuses == row["result"], row


def test_acc_02_full_sums_are_part_of_each_rule_and_the_order_is_rounded_once():
    """19 + 9: "1 point for every 200" means full 200s. Both rules give whole numbers, so the one rounding of
    semantics §40 has nothing left to round. Percents have no such step: they sum first and are rounded once."""
    found = case("ACC-02")
    basis, *pairs = numbers(found["given"].replace("pt/", " "))
    rules = [steps(n, pairs[2 * n], int(pairs[2 * n + 1])) for n in range(2)]
    result = earned(int(basis), *rules)
    assert result.bonuses == found["expect"]["points"]
    assert set(result.by_rule.values()) == {19, 9}
    assert found["note"].startswith("19 + 9")


def test_acc_05_discounts_lower_the_basis_and_stored_value_does_not():
    for row in rows("ACC-05"):
        total = row.get("total", 100)  # a payment by wallet or gift card leaves the order's total alone
        assert earned(total * 100, percent()).bonuses == row["points"], row


def test_acc_07_factors_apply_one_after_another():
    """Discounts are the shop's; what we stack in turn are multipliers."""
    found = case("ACC-07")
    (basis,) = numbers(found["given"].split(",")[0])
    factors = [Rule(n, "-10 %", "factor", factor=Decimal("0.9")) for n in (2, 3, 4)]
    for count, expected in enumerate(found["expect"]["totals"], start=1):
        result = earned(int(basis) * 100, percent(), *factors[:count], terms=Terms(scale=2))
        assert result.bonuses == int(Decimal(str(expected)) * 100)


def test_acc_08_the_rate_is_that_of_the_level_that_is_reached():
    found = case("ACC-08")
    low, one, low_per, high, one_too, high_per, spent = (int(n) for n in numbers(found["given"]))
    levels = [Level(pk=1, name="low", threshold=low), Level(pk=2, name="high", threshold=high)]
    rules = [
        steps(1, one, low_per, levels=frozenset({1})),
        steps(2, one_too, high_per, levels=frozenset({2})),
    ]
    level = reached(levels, Decimal(spent))
    assert level is levels[0]
    standing = Standing(level.pk, level.name, Decimal(0))
    assert earned(spent, *rules, level=standing).bonuses == found["expect"]["points"]


@pytest.mark.django_db
def test_acc_09_spent_bonuses_lower_what_is_to_be_paid():
    found = case("ACC-09")
    bill, spend = (int(n) * 100 for n in numbers(found["given"])[-2:])
    b.programme(bonus_scale=2)
    anna, shop = b.client(), b.source()
    ledger.accrue("case", ledger.Grant(anna.pk, spend, "g", NOW), NOW)
    quote = purchases.quote(shop, anna.pk, a_line(bill), NOW, spend=spend)
    assert quote.to_pay == found["expect"]["to_pay"] * 100


def test_red_02_bonuses_are_spent_by_blocks():
    for row in rows("RED-02"):
        spending = Spending(value=Decimal(str(row["value_per_point"])), block=row["block"])
        found = limit([Item(1000_00)], row["points"], spending)
        assert found.bonuses == row["used"], row
        assert found.money == row.get("money", row["used"] * Decimal(str(row["value_per_point"]))) * 100, row


@pytest.mark.django_db
def test_red_03_an_order_cannot_spend_what_it_earns():
    expected = case("RED-03")["expect"]
    has, *rewards, earns = (int(n) for n in numbers(case("RED-03")["given"]))
    b.programme(max_share=100)
    b.rule(kind="fixed", bonuses=earns)
    anna, shop = b.client(), b.source()
    ledger.accrue("case", ledger.Grant(anna.pk, has, "g", NOW), NOW)
    with pytest.raises(ledger.InsufficientBonuses):
        purchases.hold(shop, "o1", anna.pk, a_line(100_00), has + earns, NOW)
    purchases.hold(shop, "o1", anna.pk, a_line(100_00), sum(rewards), NOW)
    purchase = purchases.pay(shop, "o1", NOW, a_line(100_00))
    assert (purchase.spent, purchase.earned) == (expected["used"], expected["issued"])
    assert ledger.balance(anna.pk, NOW).available == expected["balance"]


def test_red_05_the_most_bonuses_are_of_what_has_to_be_paid():
    found = case("RED-05")
    _point, value, grand, rounded = numbers(found["given"])
    for payable, expected in ((grand, "max_points_on_grand"), (rounded, "max_points_on_rounded")):
        bonuses = limit([Item(int(payable * 100))], 10_000, Spending(value=value)).bonuses
        assert bonuses == found["expect"][expected]


def test_lvl_02_the_level_is_the_highest_that_is_reached():
    named = re.findall(r"(L\d) (\d+)", case("LVL-02")["given"])
    levels = [Level(name=name, threshold=int(threshold)) for name, threshold in named]
    assert len(levels) == 4
    for row in rows("LVL-02"):
        level = reached(levels, Decimal(row["active"]))
        assert level is not None
        assert level.name == row["level"], row


@pytest.mark.django_db
def test_act_01_a_birthday_is_awarded_on_its_day_once_a_year():
    today = NOW.astimezone(ZONE).date()
    for row in rows("ACT-01"):
        born = (today + {"today": timedelta(0), "tomorrow": timedelta(days=1)}[row["birthday"]]).replace(year=1990)
        anna = b.client(birthday=born)
        for _run in range(2):  # a job that runs twice a day
            if birthdays.celebrated(born, today.year) == today:
                grant = ledger.Grant(anna.pk, 150, birthdays.key(anna.pk, today.year), NOW)
                ledger.accrue("birthday", grant, NOW)
        assert ledger.balance(anna.pk, NOW).available == row["points"]
    assert birthdays.celebrated(date(2000, 2, 29), 2027) == date(2027, 2, 28)
    assert birthdays.celebrated(date(2000, 2, 29), 2028) == date(2028, 2, 29)


@pytest.mark.django_db
def test_ref_11_a_full_refund_takes_back_what_the_purchase_earned():
    expected = case("REF-11")["expect"]
    b.percent_rule(5)
    anna, shop = b.client(), b.source()
    purchases.pay(shop, "o1", NOW, a_line(1000_00), anna.pk)
    assert ledger.balance(anna.pk, NOW).available == 50
    purchases.refund(shop, "o1", "r1", NOW)
    assert ledger.balance(anna.pk, NOW).available == expected["balance_delta"]
    assert set(BonusOperation.objects.values_list("kind", flat=True)) == {"accrue", "clawback"}
