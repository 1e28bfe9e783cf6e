"""`import_clients`: a shop's clients from a file (contract §1, docs/imports.md)."""

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.models import Client, Consent, Event, Identity, Source, UnreadEvent
from tests import builders as b

pytestmark = pytest.mark.django_db

HEADER = "id,phone,email,first_name,birthday,registered_at,consent.email,consent.sms,city"
ANNA = "C-1,+7 921 123-45-67,Anna@Example.com,Анна,1990-05-31,2020-02-03 10:00,yes,no,Riga"
BORIS = "C-2,,boris@example.com,Борис,,,,,"


def run(path: Path, **options: Any) -> dict[str, Any]:
    """Runs the command; returns its JSON."""
    out = io.StringIO()
    call_command("import_clients", path, json=True, stdout=out, stderr=io.StringIO(), **options)
    return json.loads(out.getvalue())


def table(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    """A file of these rows."""
    path = tmp_path / "clients.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def counts(summary: dict[str, Any]) -> tuple[int, int, int, int]:
    """New, told about, unchanged, refused."""
    return summary["clients_new"], summary["clients_told"], summary["known"], summary["refused"]


def test_a_row_becomes_a_client_with_names_consents_and_attributes(tmp_path: Path) -> None:
    summary = run(table(tmp_path, ANNA, BORIS), zone="Europe/Moscow")
    assert counts(summary) == (2, 0, 0, 0)
    anna = Client.objects.get(first_name="Анна")
    assert (anna.phone, anna.email, anna.birthday) == ("+79211234567", "anna@example.com", date(1990, 5, 31))
    assert anna.attributes == {"city": "Riga"}
    kinds = Identity.objects.filter(client=anna).values_list("kind", "value")
    assert sorted(kinds) == [("email", "anna@example.com"), ("external", "C-1"), ("phone", "+79211234567")]
    said = Consent.objects.filter(client=anna).values_list("channel", "granted", "evidence")
    assert sorted(said) == [("email", True, "file:consent.email"), ("sms", False, "file:consent.sms")]


def test_nothing_starts_from_an_import(tmp_path: Path) -> None:
    run(table(tmp_path, ANNA, BORIS))
    assert Event.objects.filter(name="customer.registered").count() == 2
    assert not UnreadEvent.objects.exists()


def test_importing_again_changes_nothing_and_a_changed_row_tells_the_known_client(tmp_path: Path) -> None:
    run(table(tmp_path, ANNA, BORIS))
    assert counts(run(table(tmp_path, ANNA, BORIS))) == (0, 0, 2, 0)
    assert counts(run(table(tmp_path, ANNA.replace("Riga", "Omsk"), BORIS))) == (0, 1, 1, 0)
    anna = Client.objects.get(first_name="Анна")
    assert anna.attributes == {"city": "Omsk"}
    assert list(Event.objects.filter(client=anna).order_by("pk").values_list("name", flat=True)) == [
        "customer.registered",
        "customer.updated",
    ]


def test_whom_the_shop_knows_by_phone_is_told_about(tmp_path: Path) -> None:
    anna = b.client(phone="+79211234567")
    b.identify(b.source(), anna)
    assert counts(run(table(tmp_path, ANNA))) == (0, 1, 0, 0)
    anna.refresh_from_db()
    assert anna.first_name == "Анна"


def test_a_dry_run_counts_the_same_and_stores_nothing(tmp_path: Path) -> None:
    path = table(tmp_path, ANNA, BORIS, ANNA.replace("Riga", "Omsk"), ",,,Nobody,,,,,")
    dry = run(path, dry_run=True)
    assert (Client.objects.count(), Event.objects.count(), Source.objects.filter(slug="import").count()) == (0, 0, 0)
    assert counts(dry) == counts(run(path)) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",,,Nobody,,,,,", "id"),
        (",12,,Nobody,,,,,", "id"),
        ("C-3,,,Vera,1990-02-30,,,,", "birthday"),
        ("C-3,,,Vera,,2020-13-01,,,", "registered_at"),
        ("C-3,,,Vera,,,perhaps,,", "consent.email"),
        ("C-3,,,Vera", ""),
    ],
)
def test_a_bad_row_is_refused_by_line_column_and_reason_and_stops_nobody(tmp_path: Path, row: str, column: str) -> None:
    refused = tmp_path / "refused.csv"
    summary = run(table(tmp_path, ANNA, row, BORIS), refused=refused)
    assert counts(summary) == (2, 0, 0, 1)
    assert summary["first_refused"][0]["line"] == 3
    assert summary["first_refused"][0]["column"] == column
    with refused.open(encoding="utf-8") as written:
        rows = list(csv.reader(written))
    assert rows[0] == ["line", "column", "reason"]
    assert rows[1][:2] == ["3", column]
    assert rows[1][2]


def test_columns_of_other_names_and_dates_as_people_write_them(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "7;8 921 123-45-67;31.05.1990;03.02.2020;да",
        "8;;31/05/1990;;",
        header="Карта;Телефон;Родился;С нами с;Почта можно",
    )
    named = "id=Карта,phone=Телефон,birthday=Родился,registered_at=С нами с,consent.email=Почта можно"
    b.programme(phone_region="RU")
    summary = run(path, map=named, date_format="%d.%m.%Y", zone="Europe/Moscow")
    assert counts(summary) == (1, 0, 0, 1)
    assert summary["first_refused"][0]["column"] == "Родился"
    anna = Client.objects.get()
    assert (anna.phone, anna.birthday) == ("+79211234567", date(1990, 5, 31))
    assert anna.registered_at == datetime(2020, 2, 2, 21, 0, tzinfo=UTC)
    assert Consent.objects.get().granted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"map": "phone=Tel"}, "--map phone=Tel"),
        ({"zone": "Mars/Olympus"}, "--zone Mars/Olympus"),
        ({"source": "a b"}, "a slug is"),
        ({"encoding": "klingon"}, "no known encoding"),
    ],
)
def test_a_wrong_option_is_told_in_words(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(table(tmp_path, ANNA), **options)


def test_for_people_it_says_what_happened(tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("import_clients", table(tmp_path, ANNA, ",,,Nobody,,,,,"), stdout=out, stderr=io.StringIO())
    said = out.getvalue()
    assert "clients  1 new, 0 told about, 0 unchanged" in said
    assert "line 3: id names nobody" in said


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(st.text(max_size=30), min_size=9, max_size=9), max_size=5))
def test_whatever_is_in_the_file_every_row_is_taken_or_refused(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "any.csv"
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as out:
        csv.writer(out).writerows([HEADER.split(","), *rows])
    summary = run(path)
    assert sum(counts(summary)) == summary["lines"]
