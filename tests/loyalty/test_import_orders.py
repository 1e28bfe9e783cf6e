"""`import_orders`: a shop's order lines from a file (contract §1, docs/imports.md)."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.models import Client, Event, Identity, Order, OrderLine, Product, Source, UnreadEvent

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT.parent / "shared" / "samples" / "orders" / "online_retail.csv.gz"
needs_sample = pytest.mark.skipif(
    not SAMPLE.is_file(), reason="the true sample (../shared/samples) is not beside this checkout"
)
pytestmark = pytest.mark.django_db

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LONDON = {"currency": "GBP", "zone": "Europe/London"}


def run(path: Path, **options: Any) -> dict[str, Any]:
    """Runs the command; returns its JSON."""
    out = io.StringIO()
    call_command("import_orders", path, json=True, stdout=out, stderr=io.StringIO(), **{**LONDON, **options})
    return json.loads(out.getvalue())


def table(tmp_path: Path, *rows: str, name: str = "orders.csv", header: str = HEADER) -> Path:
    """A file of these rows."""
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(order: str = "1", sku: str = "TEA", quantity: object = 1, price: object = "2.50", **more: str) -> str:
    """One row."""
    told = {"title": "Tea", "at": "2011-06-01 10:00:00", "client": "7.0", "country": "France"} | more
    return f"{order},{sku},{told['title']},{quantity},{told['at']},{price},{told['client']},{told['country']}"


def reasons(summary: dict[str, Any]) -> dict[str, int]:
    """Refused rows: column → how many."""
    counts: dict[str, int] = defaultdict(int)
    for each in summary["refused_by_reason"]:
        counts[each["column"]] += each["count"]
    return dict(counts)


def test_an_invoice_becomes_one_paid_order_of_its_client(tmp_path: Path) -> None:
    path = table(tmp_path, row(quantity=3, title="Green tea"), row(sku="CUP", price="4.05", at="2011-06-01 10:01:00"))
    summary = run(path)
    order = Order.objects.get()
    assert (order.external_id, order.status, order.currency, order.total) == ("1", "paid", "GBP", 1155)
    assert order.ordered_at == datetime(2011, 6, 1, 9, 0, tzinfo=UTC), "London's summer time; the first line's minute"
    assert [(line.title, line.quantity, line.price, line.total) for line in order.lines.order_by("position")] == [
        ("Green tea", 3, 250, 750),
        ("Tea", 1, 405, 405),
    ]
    assert list(order.client.identities.values_list("kind", "scope", "value")) == [("external", "import", "7")]
    assert sorted(Event.objects.values_list("name", flat=True)) == ["order.created", "order.paid"]
    assert Event.objects.first().payload["country"] == "France"
    assert (summary["orders_new"], summary["lines_new"], summary["clients_new"], summary["refused"]) == (1, 2, 1, 0)
    assert summary["total_new"] == "11.55"
    assert Source.objects.get(slug="import").kind == Source.Kind.IMPORT


def test_a_credit_note_is_a_refund_of_its_client_and_no_order(tmp_path: Path) -> None:
    summary = run(table(tmp_path, row(), row("C2", quantity=-2, at="2011-06-03 10:00:00")))
    order = Order.objects.get()
    assert (order.external_id, order.status, order.refunded) == ("1", "paid", 0), "it does not say which order it is of"
    refund = Event.objects.get(name="order.refunded")
    assert refund.client == order.client
    assert (refund.payload["refund_id"], refund.payload["refunded"]) == ("C2", "5.00")
    assert refund.payload["lines"][0]["quantity"] == 2
    assert (summary["refunds_new"], summary["refund_lines_new"], summary["refunded_new"]) == (1, 1, "5.00")


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    path = table(tmp_path, row(), row("2", client=""), row("C3", quantity=-1), row("4", quantity="x"))
    run(path)
    before = [list(model.objects.order_by("pk").values()) for model in (Client, Event, Order, OrderLine, Product)]
    out = io.StringIO()
    call_command("import_orders", path, stdout=out, stderr=io.StringIO(), **LONDON)
    assert before == [
        list(model.objects.order_by("pk").values()) for model in (Client, Event, Order, OrderLine, Product)
    ]
    for what in ("orders", "lines", "refunds", "clients"):
        assert any(line.startswith(what) and " 0 new" in line for line in out.getvalue().splitlines())


def test_a_dry_run_counts_the_same_and_stores_nothing(tmp_path: Path) -> None:
    path = table(tmp_path, row(), row("2"), row("3", client="8"), row("C4", quantity=-1), row("5", client=""))
    dry = run(path, dry_run=True)
    for model in (Source, Client, Identity, Event, Order, OrderLine, Product):
        assert not model.objects.exists()
    wet = run(path)
    assert dry["dry_run"]
    assert not wet["dry_run"]
    for summary in (dry, wet):
        del summary["seconds"], summary["dry_run"]
    assert dry == wet
    assert (dry["orders_new"], dry["clients_new"], dry["orders_without_client"]) == (4, 2, 1)


def test_nothing_is_triggered_unless_ticked(tmp_path: Path) -> None:
    run(table(tmp_path, row()))
    assert not UnreadEvent.objects.exists()
    run(table(tmp_path, row("2")), trigger=True)
    assert UnreadEvent.objects.count() == 2


def test_lines_of_one_order_are_found_wherever_they_stand(tmp_path: Path) -> None:
    scattered = [row(str(n), sku=f"S{turn}") for turn in range(3) for n in range(300)]
    summary = run(table(tmp_path, *scattered))
    assert summary["orders_new"] == 300
    assert set(Order.objects.values_list("total", flat=True)) == {750}
    assert list(Order.objects.get(external_id="299").lines.order_by("position").values_list("product__sku")) == [
        ("S0",),
        ("S1",),
        ("S2",),
    ]


def test_repeated_lines_are_kept(tmp_path: Path) -> None:
    run(table(tmp_path, row(), row()))
    assert Order.objects.get().lines.count() == 2


def test_a_gift_is_a_line_and_a_stock_correction_is_refused(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        row("1"),
        row("1", sku="GIFT", price="0.0"),
        row("2", price="0"),  # to a client, at no price
        row("3", price="0", client=""),
        row("4", price="0", quantity=-10, client=""),
        row("A5", price="11062.06"),
        row("6", price="-5"),
    )
    summary = run(path)
    assert {order.external_id: order.lines.count() for order in Order.objects.all()} == {"1": 2, "2": 1}
    assert summary["lines_free"] == 2
    assert reasons(summary) == {"UnitPrice": 2, "Quantity": 1, "InvoiceNo": 1}


def test_postage_is_a_line_without_a_product(tmp_path: Path) -> None:
    summary = run(table(tmp_path, row(), row(sku="POST", title="POSTAGE", price="18"), row(sku="m")))
    assert summary["lines_service"] == 2
    assert set(OrderLine.objects.values_list("title", "product__sku")) == {
        ("Tea", "TEA"),
        ("POSTAGE", None),
        ("Tea", None),
    }
    assert Order.objects.get().total == 250 + 1800 + 250


def test_a_fraction_of_a_penny_is_rounded_once_for_the_line(tmp_path: Path) -> None:
    run(table(tmp_path, row(quantity=1000, price="0.001")))
    assert Order.objects.get().total == 100


def test_refused_rows_are_named_and_stop_nothing(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        row("1"),
        row("2", quantity="many"),
        row("3", price="NaN"),
        row("4", at="31.12.2010"),
        row("5", at="9999-12-31 23:59:59"),
        row("6", at="0001-01-01 00:00:00"),
        row("7", quantity=0),
        row("8", quantity="1e30"),
        row("9", price="1e400"),
        row("", sku="NO ORDER"),
        row("10", sku=""),
        row("C11", quantity=1),
        "12,too,few",
        row("13", title="nul \0 here"),
        row("14", title="x" * 200_000),
        row("1", client="8"),
        row("15", sku="s" * 201),
        row("16"),
    )
    with path.open("ab") as file:
        file.write(row("17", title="caf").encode().replace(b"caf", b"caf\xe9") + b"\n")
    report = tmp_path / "refused.csv"
    summary = run(path, refused=report)
    assert sorted(Order.objects.values_list("external_id", flat=True)) == ["1", "16"]
    rows = list(csv.DictReader(report.open(encoding="utf-8")))
    assert [(int(each["line"]), each["column"]) for each in rows] == [
        (3, "Quantity"),
        (4, "UnitPrice"),
        (5, "InvoiceDate"),
        (6, "InvoiceDate"),
        (7, "InvoiceDate"),
        (8, "Quantity"),
        (9, "Quantity"),
        (10, "UnitPrice"),
        (11, "InvoiceNo"),
        (12, "StockCode"),
        (13, "Quantity"),
        (14, ""),
        (15, "Description"),
        (16, ""),
        (18, "StockCode"),
        (20, "Description"),
        (17, "CustomerID"),  # found when the whole order is seen
    ]
    assert all(each["reason"] for each in rows)
    assert summary["refused"] == len(rows)
    assert summary["lines"] == 19
    assert len(summary["first_refused"]) == 10


def test_a_quotation_mark_that_is_never_closed_costs_what_it_swallows_alone(tmp_path: Path) -> None:
    swallowed = [row(f"9{n}", title="y" * 100) for n in range(2000)]
    path = table(tmp_path, row("1"), row("2", title='"never closed'), *swallowed, row("3"))
    summary = run(path)
    assert summary["first_refused"][0]["line"] == 3
    assert {"1", "3"} <= set(Order.objects.values_list("external_id", flat=True))


def test_an_order_that_is_there_with_other_lines_is_reported_and_replaced_when_asked(tmp_path: Path) -> None:
    run(table(tmp_path, row(), row(sku="CUP", quantity="x")))
    fixed = table(tmp_path, row(), row(sku="CUP", quantity=2))
    summary = run(fixed)
    assert (summary["orders_new"], summary["refused"], OrderLine.objects.count()) == (0, 2, 1)
    assert run(fixed, replace=True)["orders_corrected"] == 1
    assert (Order.objects.get().total, OrderLine.objects.count()) == (750, 2)
    assert Event.objects.filter(name="order.updated").count() == 1
    again = run(fixed, replace=True)
    assert (again["orders_known"], again["orders_corrected"], again["refused"]) == (1, 0, 0)


def test_an_order_of_more_lines_than_anyone_writes_is_a_wrong_column(tmp_path: Path) -> None:
    summary = run(table(tmp_path, *[row("1")] * 10_001, row("2")))
    assert [order.external_id for order in Order.objects.all()] == ["2"]
    assert reasons(summary) == {"InvoiceNo": 10_001}


def test_other_names_of_columns_and_forms_of_values(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "CA-7;T1;1,5;31.05.2011 12:00;10,00;anna",
        header="Заказ;Артикул;Кол-во;Дата;Цена;Клиент",
    )
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1251"))
    run(
        path,
        map="order=Заказ,sku=Артикул,quantity=Кол-во,ordered_at=Дата,price=Цена,client=Клиент",
        encoding="cp1251",
        date_format="%d.%m.%Y %H:%M",
        zone="Europe/Moscow",
        source="old-shop",
        currency="RUB",
    )
    order = Order.objects.get()
    assert (order.external_id, order.total, order.currency) == ("CA-7", 1500, "RUB")
    assert order.ordered_at == datetime(2011, 5, 31, 8, 0, tzinfo=UTC)
    assert Identity.objects.get().scope == "old-shop"
    assert Source.objects.get().currency == "RUB"


def test_the_currency_is_the_sources_then_the_programmes(tmp_path: Path) -> None:
    Source.objects.create(kind=Source.Kind.IMPORT, slug="yen", currency="JPY")
    run(table(tmp_path, row(price="250")), source="yen", currency="")
    run(table(tmp_path, row(price="250")), source="other", currency="")
    assert set(Order.objects.values_list("source__slug", "currency", "total")) == {
        ("yen", "JPY", 250),
        ("other", "RUB", 25000),
    }


def test_gzip_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + "\r\n".join([HEADER, row(), ""]).encode()))
    assert run(path)["orders_new"] == 1


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "a.csv", "is empty"),
        (b"\n", "a.csv", "no header"),
        (b"one,two\n1,2\n", "a.csv", "InvoiceNo (order)"),
        (b"PK\x03\x04\x14\x00\x06\x00binary", "a.xlsx", "lacks columns"),
        (HEADER.encode(), "a.csv.gz", "is no gzip"),
        (gzip.compress(HEADER.encode() * 100)[:-20], "a.csv.gz", "damaged gzip"),
        (HEADER.encode("utf-16"), "a.csv", "UTF-16"),
        (None, "a.csv", "is a directory"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, name: str, says: str
) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=r"^[^\n]+$") as refused:
        run(path)
    assert says in str(refused.value)
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"zone": "Mars/Base"}, "Mars/Base"),
        ({"zone": "../../etc/passwd"}, "no such IANA zone"),
        ({"currency": "XXQ"}, "XXQ"),
        ({"source": "a b"}, "slug"),
        ({"map": "colour=Colour"}, "colour=Colour"),
        ({"map": "order=Nope"}, "Nope (order)"),
        ({"encoding": "klingon"}, "klingon"),
        ({"refused": Path("/nonexistent/refused.csv")}, "/nonexistent/refused.csv"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(CommandError, match=r"^[^\n]+$") as refused:
        run(table(tmp_path, row()), **options)
    assert says in str(refused.value)


def test_a_gzip_that_breaks_off_records_nothing(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    whole = gzip.compress("\n".join([HEADER, *(row(str(n)) for n in range(5000))]).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CommandError, match="damaged gzip"):
        run(path)
    assert not Order.objects.exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_after_the_header_are_refused_rows_at_worst(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content)
    summary = run(path, dry_run=True)
    assert summary["refused"] <= summary["lines"]


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    told = io.StringIO()
    call_command("import_orders", table(tmp_path, row(), row("2")), stdout=io.StringIO(), stderr=told, **LONDON)
    reading, recording = told.getvalue().splitlines()
    for line, phase in ((reading, "reading"), (recording, "recording")):
        assert line.startswith(f"{phase}: 2 lines · 100% · ")
        assert float(line.split(" · ")[2].removesuffix("/s").replace(",", "")) < 100_000, "counted from the beginning"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        # The two lines of each order stand half a file apart.
        rows = (row(str(n % (lines // 2)), sku=f"S{n % 50}", client=str(n % 1000)) for n in range(lines))
        path = table(tmp_path, *rows)
        tracemalloc.start()
        try:
            run(path, dry_run=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is loaded once
    assert peak(24_000) < peak(10_000) * 1.3


def expected(rows: Iterator[dict[str, str]]) -> dict[str, Any]:
    """The same numbers by the plainest loop."""
    invoices: dict[str, list[tuple[Decimal, Decimal, str]]] = defaultdict(list)
    refused = lines = 0
    for each in rows:
        lines += 1
        number, quantity, price = each["InvoiceNo"], Decimal(each["Quantity"]), Decimal(each["UnitPrice"])
        if number.startswith("A") or (quantity < 0 and not number.startswith("C")):
            refused += 1
        else:
            invoices[number].append((quantity, price, each["CustomerID"]))
    orders = {number: found for number, found in invoices.items() if not number.startswith("C")}
    nothing = [n for n, found in orders.items() if not found[0][2] and not any(price for _, price, _ in found)]
    for number in nothing:
        refused += len(orders.pop(number))
    refunds = {number: found for number, found in invoices.items() if number.startswith("C")}
    everyone = [*orders.values(), *refunds.values()]
    return {
        "lines": lines,
        "refused": refused,
        "orders_new": len(orders),
        "orders_without_client": sum(not found[0][2] for found in orders.values()),
        "lines_new": sum(map(len, orders.values())),
        "refunds_new": len(refunds),
        "refund_lines_new": sum(map(len, refunds.values())),
        "clients_new": len({client for found in everyone for _, _, client in found if client}),
        "total_new": f"{sum(_pence(q * p) for found in orders.values() for q, p, _ in found) / 100:.2f}",
        "buyers": len({found[0][2] for found in orders.values() if found[0][2]}),
    }


def _pence(amount: Decimal) -> Decimal:
    return (amount * 100 + Decimal("0.5")) // 1


def stored() -> dict[str, int]:
    """What the database holds."""
    buyers = Order.objects.exclude(client=None).values("client").distinct().count()
    return {
        "orders_new": Order.objects.count(),
        "orders_without_client": Order.objects.filter(client=None).count(),
        "lines_new": OrderLine.objects.count(),
        "refunds_new": Event.objects.filter(name="order.refunded").count(),
        "clients_new": Client.objects.count(),
        "buyers": buyers,
    }


@needs_sample
def test_the_true_file_gives_the_numbers_of_a_plain_loop(tmp_path: Path) -> None:
    path = tmp_path / "first.csv"
    with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as file:
        path.write_text("".join(line for line, _ in zip(file, range(10_001), strict=False)), encoding="utf-8")
    told = expected(csv.DictReader(path.open(encoding="utf-8", newline="")))
    summary = run(path)
    assert {name: summary[name] for name in told if name != "buyers"} == {
        name: value for name, value in told.items() if name != "buyers"
    }
    there = stored()
    assert there == {name: told[name] for name in there}
    assert sum(Order.objects.values_list("total", flat=True)) == Decimal(told["total_new"]) * 100
    again = run(path)
    assert (again["orders_new"], again["refunds_new"], again["clients_new"]) == (0, 0, 0)
    assert again["refused"] == summary["refused"]
    assert stored() == there


@needs_sample
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_whole_true_file_within_300_mb() -> None:
    at = connection.settings_dict
    url = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    command = [sys.executable, "manage.py", "import_orders", str(SAMPLE), "--json"]
    command += [part for name, value in LONDON.items() for part in (f"--{name}", value)]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"DATABASE_URL": url}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        summary = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as file:
        told = expected(csv.DictReader(file))
    assert {name: summary[name] for name in told if name != "buyers"} == {
        name: value for name, value in told.items() if name != "buyers"
    }
    there = stored()
    assert there == {name: told[name] for name in there}
    assert (there["buyers"], Order.objects.exclude(client=None).count()) == (4339, 18536)
    assert used.ru_maxrss < 300 * 1024
