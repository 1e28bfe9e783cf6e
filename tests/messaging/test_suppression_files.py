"""Suppressed addresses from and to files: by channel and reason, all that is right and nothing half (semantics §21)."""

import time
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from openpyxl import Workbook, load_workbook

from loyalty.intake.table_file import FileError
from messaging.models import Suppression
from messaging.services import suppressed, suppression_files
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _written(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def _take(path, channel=""):
    return suppression_files.take(path, path.name, channel, NOW)


def _kept():
    return set(Suppression.objects.values_list("channel", "address"))


class TestReading:
    def test_addresses_are_kept_as_messages_write_them(self, tmp_path):
        file = _written(
            tmp_path / "list.csv",
            "channel,address,reason",
            "email,Anna@Example.COM,asked by phone",
            "sms,8 (916) 123-45-67,",
            "telegram,12345,",
        )
        taken = _take(file)
        assert (taken.rows, taken.added, taken.refused) == (3, 3, 0)
        assert _kept() == {("email", "anna@example.com"), ("sms", "+79161234567"), ("telegram", "12345")}
        anna = Suppression.objects.get(channel="email")
        assert (anna.kind, anna.why, anna.since) == ("import", "asked by phone", NOW)

    def test_whoever_is_in_the_list_is_not_written_to(self, tmp_path):
        _take(_written(tmp_path / "list.csv", "channel,address", "email,anna@example.com"))
        assert suppressed.among("email", ["anna@example.com", "vera@example.com"]) == {"anna@example.com"}

    def test_a_wrong_row_is_refused_by_line_and_reason_and_stops_no_other(self, tmp_path):
        file = _written(
            tmp_path / "list.csv",
            "channel;address",
            "email;not an address",
            "sms;12",
            "fax;+79161234567",
            ";anna@example.com",
            "sms;",
            "email;vera@example.com",
        )
        taken = _take(file)
        assert (taken.added, taken.refused) == (1, 5)
        assert [(line, column) for line, column, _reason in taken.refusals] == [
            (2, "address"), (3, "address"), (4, "channel"), (5, "channel"), (6, "address")
        ]  # fmt: skip
        assert all(reason for _line, _column, reason in taken.refusals)

    def test_rows_without_a_channel_are_of_the_one_that_was_chosen(self, tmp_path):
        _take(_written(tmp_path / "list.csv", "email", "anna@example.com"), "email")
        assert _kept() == {("email", "anna@example.com")}

    def test_again_it_changes_nothing(self, tmp_path):
        file = _written(tmp_path / "list.csv", "channel,address", "email,a@example.com", "email,A@example.com")
        assert (_take(file).added, _take(file).added) == (1, 0)
        assert _take(file).known == 2

    def test_russian_headings_and_a_russian_excel(self, tmp_path):
        _take(_written(tmp_path / "list.csv", "Канал;Адрес;Причина", "смс;+79161234567;просил", encoding="cp1251"))
        assert Suppression.objects.get().why == "просил"

    def test_a_workbook_whose_phones_are_numbers(self, tmp_path):
        book = Workbook()
        for row in (("channel", "address"), ("sms", 79161234567)):
            book.active.append(row)
        book.save(tmp_path / "list.xlsx")
        _take(tmp_path / "list.xlsx")
        assert _kept() == {("sms", "+79161234567")}

    def test_a_file_that_breaks_off_stores_nothing(self, tmp_path, monkeypatch):
        monkeypatch.setattr(suppression_files, "CHUNK", 2)
        monkeypatch.setattr(
            suppression_files, "SHEET", suppression_files.Sheet(suppression_files.SHEET.names, 10**6, max_rows=5)
        )
        with pytest.raises(FileError):
            _take(_written(tmp_path / "l.csv", "channel,address", *(f"email,a{n}@example.com" for n in range(9))))
        assert not Suppression.objects.exists()

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"name,age\nA,3"])
    def test_what_is_no_list_is_refused_in_words(self, tmp_path, content):
        for name in ("list.csv", "list.xlsx"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(FileError):
                _take(tmp_path / name)

    def test_many_rows_take_little_memory(self, tmp_path):
        file = _written(tmp_path / "l.csv", "channel,address", *(f"email,a{n}@example.com" for n in range(20_000)))
        started = time.perf_counter()
        tracemalloc.start()
        taken = _take(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken.added == 20_000
        assert peak < 30_000_000
        assert time.perf_counter() - started < 60


class TestRoundTrip:
    @pytest.fixture
    def rows(self):
        Suppression.objects.create(channel="email", address="anna@example.com", kind="complaint", since=NOW)
        Suppression.objects.create(channel="sms", address="+79161234567", why="=1+1", kind="provider", since=NOW)
        hashed = suppressed.hashed("gone@example.com")
        Suppression.objects.create(channel="email", address=hashed, kind="erased", since=NOW)

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_what_goes_out_comes_back(self, rows, kind, tmp_path):
        before, found = _kept(), Suppression.objects.order_by("pk")
        told = b"".join(suppression_files.as_csv(found)) if kind == "csv" else suppression_files.as_xlsx(found).read()
        (tmp_path / f"list.{kind}").write_bytes(told)
        Suppression.objects.all().delete()
        taken = _take(tmp_path / f"list.{kind}")
        assert (taken.refused, _kept()) == (0, before)

    def test_no_cell_of_the_file_is_a_formula(self, rows):
        assert ",'=1+1," in b"".join(suppression_files.as_csv(Suppression.objects.all())).decode()

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_the_file_to_fill_in_can_be_read(self, kind, tmp_path):
        (tmp_path / f"t.{kind}").write_bytes(suppression_files.template(kind))
        assert _take(tmp_path / f"t.{kind}").added == 2


class TestAdmin:
    def _post(self, browser, content, name="list.csv", **values):
        file = SimpleUploadedFile(name, content)
        return browser.post(reverse("admin:messaging_suppression_import"), {"file": file, "channel": ""} | values)

    def test_the_page_says_what_came_of_it_and_the_history_who_did_it(self, admin_client):
        page = self._post(admin_client, b"channel,address\nemail,anna@example.com\nsms,12").content.decode()
        assert "is no phone number" in page
        assert ("email", "anna@example.com") in _kept()
        assert "1 address suppressed from a file" in LogEntry.objects.get().change_message

    def test_a_file_that_cannot_be_read_is_told_at_the_field(self, admin_client):
        assert "Nothing was stored." in self._post(admin_client, b"").content.decode() or not _kept()
        assert "is no XLSX workbook" in self._post(admin_client, b"x", "a.xlsx").content.decode()

    def test_the_export_follows_the_filters_of_the_list(self, admin_client):
        Suppression.objects.create(channel="email", address="a@example.com", kind="complaint", since=NOW)
        Suppression.objects.create(channel="email", address="b@example.com", kind="import", since=NOW)
        Suppression.objects.create(channel="sms", address="+79161234567", kind="complaint", since=NOW)
        where = "?channel__exact=email&kind__exact=complaint"
        answer = admin_client.get(reverse("admin:messaging_suppression_export", args=["csv"]) + where)
        told = b"".join(answer.streaming_content).decode()
        assert "a@example.com" in told
        assert "b@example.com" not in told
        assert "+79161234567" not in told
        book = admin_client.get(reverse("admin:messaging_suppression_export", args=["xlsx"]) + where)
        sheet = load_workbook(BytesIO(b"".join(book.streaming_content))).active
        assert [row[1].value for row in sheet.iter_rows()] == ["address", "a@example.com"]

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_there_is_a_file_to_fill_in(self, admin_client, kind):
        assert admin_client.get(reverse("admin:messaging_suppression_template", args=[kind])).status_code == 200

    def test_who_may_not_is_refused(self):
        user = User.objects.create_user("clerk", password="x", is_staff=True)
        user.user_permissions.add(*Permission.objects.filter(codename__in=["view_suppression", "add_suppression"]))
        browser = Browser()
        browser.force_login(user)
        assert browser.get(reverse("admin:messaging_suppression_changelist")).status_code == 200
        assert self._post(browser, b"channel,address\nemail,a@example.com").status_code == 403
        assert browser.get(reverse("admin:messaging_suppression_export", args=["csv"])).status_code == 403

    def test_an_address_by_hand_is_written_as_messages_write_it(self, admin_client):
        path = reverse("admin:messaging_suppression_add")
        admin_client.post(path, {"channel": "email", "address": "Anna@Example.com", "why": ""})
        assert Suppression.objects.get(address="anna@example.com").kind == "staff"
        assert "is no phone number" in admin_client.post(path, {"channel": "sms", "address": "x"}).content.decode()
