"""Clients of a static segment from and to files (semantics §43)."""

import csv
from io import BytesIO, StringIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from loyalty.intake.table_file import FileError
from loyalty.models import Client, Event, Identity, UnreadEvent
from segments.models import MemberImport, Membership, Segment
from segments.services import member_export, member_file, member_import, membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment() -> Segment:
    return Segment.objects.create(name="VIP", slug="vip")


def written(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def look(segment: Segment, path: Path) -> MemberImport:
    return member_import.look(segment, path, path.name, None, NOW)


def workbook(path: Path, *rows: tuple) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def inside(segment: Segment) -> set[int]:
    return set(Membership.objects.filter(segment=segment).values_list("client", flat=True))


def test_clients_are_found_by_any_column_and_enter_once_applied(segment, tmp_path):
    by_id, by_phone, by_email, by_external = (b.client() for _ in range(4))
    Identity.objects.create(client=by_external, kind="external", scope="shop", value="K-17")
    path = written(
        tmp_path / "f.csv",
        "id;Внешний ID;Телефон;E-Mail;comment",
        f"{by_id.pk};;;;first",
        f";;8 {by_phone.phone[2:]};;",
        f";;;{by_email.email.upper()};",
        ";K-17;;;",
        f"{by_id.pk};;;;again",
    )
    made = look(segment, path)
    assert (made.rows, made.found, made.repeated, made.refused) == (5, 4, 1, 0)
    assert inside(segment) == set()
    assert member_import.apply(made.pk, NOW, triggers=False) == 4
    assert inside(segment) == {by_id.pk, by_phone.pk, by_email.pk, by_external.pk}


def test_refused_rows_are_told_by_row_column_and_reason(segment, tmp_path):
    anna, boris = b.client(), b.client()
    for scope in ("shop", "till"):
        Identity.objects.create(client=anna if scope == "shop" else boris, kind="external", scope=scope, value="7")
    path = written(
        tmp_path / "f.csv",
        "id,external id,phone,email",
        "999999999,,,",
        ",7,,",
        f"{anna.pk},,,{boris.email}",
        ",,not a phone,",
        ",,,",
        "a,b",
        f",7,,{boris.email}",
        f"{anna.pk},nobody's,,",
        f"{'9' * 30},,,",
    )
    made = look(segment, path)
    assert [tuple(refusal) for refusal in made.refusals] == [
        (2, "id", "no client has it"),
        (3, "external_id", "several clients have it"),
        (4, "id", "names another client than the other columns"),
        (5, "phone", "no client has it"),
        (6, "", "is empty"),
        (7, "", "has not as many columns as the header (a quotation mark not closed?)"),
        (10, "id", "no client has it"),
    ]
    assert (made.refused, made.found) == (7, 2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_file_is_read_in_the_encodings_of_spreadsheets(segment, tmp_path, encoding):
    person = b.client()
    path = written(tmp_path / "f.csv", "Почта\tИмя", f"{person.email}\tПётр", encoding=encoding)
    assert look(segment, path).clients == [person.pk]


def test_workbook_is_read_with_numbers_as_ids_and_phones(segment, tmp_path):
    by_id, by_phone = b.client(), b.client()
    phone = int(by_phone.phone.removeprefix("+"))
    path = workbook(tmp_path / "f.xlsx", ("ID", "phone"), (float(by_id.pk), None), (None, phone), (None, None), ("x",))
    made = look(segment, path)
    assert made.clients == [by_id.pk, by_phone.pk]
    assert made.refusals == [[5, "id", "no client has it"]]


def test_clients_of_merged_ones_are_those_whom_they_became(segment, tmp_path):
    kept = b.client()
    guest = b.client(merged_into=kept)
    made = look(segment, written(tmp_path / "f.csv", "id", str(guest.pk)))
    assert made.clients == [kept.pk]
    later = b.client()
    Client.objects.filter(pk=kept.pk).update(merged_into=later)
    member_import.apply(made.pk, NOW, triggers=False)
    assert inside(segment) == {later.pk}


@pytest.mark.parametrize(("triggers", "told"), [(False, 0), (True, 1)])
def test_scenarios_hear_of_an_import_only_if_ticked(segment, tmp_path, triggers, told):
    person = b.client()
    made = look(segment, written(tmp_path / "f.csv", "id", str(person.pk)))
    member_import.apply(made.pk, NOW, triggers=triggers)
    assert Event.objects.filter(name="segment.entered").count() == 1
    assert UnreadEvent.objects.count() == told


def test_import_is_applied_once_and_forgets_whom_it_named(segment, tmp_path):
    person = b.client()
    made = look(segment, written(tmp_path / "f.csv", "id", str(person.pk)))
    member_import.apply(made.pk, NOW, triggers=False)
    made.refresh_from_db()
    assert (made.clients, made.found) == ([], 1)
    for pk in (made.pk, made.pk + 1):
        with pytest.raises(member_import.NotApplied, match="applied already"):
            member_import.apply(pk, NOW, triggers=False)


def test_dynamic_segment_is_not_filled(segment, tmp_path):
    made = look(segment, written(tmp_path / "f.csv", "id", str(b.client().pk)))
    Segment.objects.update(kind="dynamic")
    with pytest.raises(member_import.NotApplied, match="by its rule"):
        member_import.apply(made.pk, NOW, triggers=False)
    assert inside(segment) == set()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("f.csv", b"", "is empty"),
        ("f.csv", b"name,city\nAnna,Paris", "none of the columns"),
        ("f.xlsx", b"id\n1", "is no XLSX workbook"),
        ("f.csv.gz", b"\x1f\x8bnothing", "damaged gzip"),
    ],
)
def test_file_that_is_none_says_so(segment, tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError, match=words):
        look(segment, path)
    assert not MemberImport.objects.exists()


def test_files_that_are_too_large_are_refused(segment, tmp_path, monkeypatch):
    monkeypatch.setattr(member_file, "MAX_ROWS", 2)
    with pytest.raises(FileError, match="more than 2 rows"):
        look(segment, written(tmp_path / "f.csv", "id", "1", "2", "3"))
    monkeypatch.setattr(member_file, "MAX_BYTES", 9)
    with pytest.raises(FileError, match="larger"):
        look(segment, written(tmp_path / "g.csv", "id", "1", "2", "3", "4"))


def test_workbook_that_inflates_without_end_is_refused(segment, tmp_path):
    path = tmp_path / "bomb.xlsx"
    with ZipFile(path, "w", ZIP_DEFLATED) as parts, parts.open("xl/worksheets/sheet1.xml", "w") as part:
        for _ in range(31):
            part.write(b"0" * 10_000_000)
    with pytest.raises(FileError, match="too large inside"):
        look(segment, path)


def test_reading_costs_a_bounded_number_of_queries(segment, tmp_path, django_assert_max_num_queries):
    people = b.clients(300)
    lines = [f"{person.pk},{person.phone},{person.email}" for person in people]
    path = written(tmp_path / "f.csv", "id,phone,email", *lines)
    with django_assert_max_num_queries(12):
        assert look(segment, path).found == 300


@given(st.text())
def test_no_cell_of_a_csv_is_a_formula(text):
    kept = member_export.guarded(text)
    assert kept.lstrip("'") == text.lstrip("'")
    assert kept[:1] not in ("=", "-", "@", "\t", "\r")
    assert kept[:1] != "+" or kept[1:].isdecimal()


def test_export_and_import_are_each_others_reverse(segment, tmp_path, django_assert_max_num_queries):
    people = [b.client(first_name='=HYPERLINK("http://evil")', last_name="Ёлкин"), b.client(email="+a@example.com")]
    Identity.objects.create(client=people[0], kind="external", scope="shop", value="=1+1")
    membership.add(segment.pk, {person.pk: 0 for person in people}, NOW)
    with django_assert_max_num_queries(4):
        content = b"".join(member_export.as_csv(segment))
    rows = list(csv.DictReader(StringIO(content.decode("utf-8-sig"))))
    assert rows[0]["first_name"] == '\'=HYPERLINK("http://evil")'
    assert rows[0]["phone"] == people[0].phone
    assert rows[0]["external_id"] == "'=1+1"
    other = Segment.objects.create(name="Copy", slug="copy")
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    assert set(look(other, path).clients) == {person.pk for person in people}

    with member_export.as_xlsx(segment) as file:
        content = file.read()
    sheet = load_workbook(BytesIO(content)).active
    assert sheet["E2"].value == people[0].first_name
    assert sheet["E2"].data_type == "s"
    path = tmp_path / "f.xlsx"
    path.write_bytes(content)
    assert set(look(other, path).clients) == {person.pk for person in people}


def staff(*permissions: str) -> Browser:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser()
    browser.force_login(user)
    return browser


def test_file_is_looked_at_then_applied_in_the_admin(segment):
    editor = staff("view_segment", "change_segment", "view_client")
    person = b.client()
    upload = SimpleUploadedFile("list.csv", f"id\n{person.pk}\n0".encode())
    address = reverse("admin:segments_segment_import", args=[segment.pk])
    answer = editor.post(address, {"file": upload}, follow=True)
    page = answer.content.decode()
    assert "Add 1 client" in page
    assert "no client has it" in page
    made = MemberImport.objects.get()
    refused = editor.get(reverse("admin:segments_segment_refused", args=[segment.pk, made.pk])).content.decode()
    assert refused.splitlines()[1] == "3,id,no client has it"
    assert inside(segment) == set()
    editor.post(reverse("admin:segments_segment_imported", args=[segment.pk, made.pk]))
    assert inside(segment) == {person.pk}
    assert LogEntry.objects.get().change_message == "1 client added from «list.csv»"

    taken = editor.get(reverse("admin:segments_segment_export", args=[segment.pk, "csv"]))
    assert person.email in taken.getvalue().decode()
    assert editor.get(reverse("admin:segments_segment_export", args=[segment.pk, "xlsx"])).getvalue()[:2] == b"PK"
    assert editor.get(reverse("admin:segments_segment_export", args=[segment.pk, "pdf"])).status_code == 404
    bad = editor.post(address, {"file": SimpleUploadedFile("list.csv", b"name\nAnna")}).content.decode()
    assert "none of the columns" in bad


def test_files_are_for_those_who_may_see_clients_and_change_segments(segment):
    made = MemberImport.objects.create(segment=segment, name="f", created_at=timezone.now())
    addresses = {
        "import": reverse("admin:segments_segment_import", args=[segment.pk]),
        "imported": reverse("admin:segments_segment_imported", args=[segment.pk, made.pk]),
        "refused": reverse("admin:segments_segment_refused", args=[segment.pk, made.pk]),
        "export": reverse("admin:segments_segment_export", args=[segment.pk, "csv"]),
    }
    blind = staff("view_segment", "change_segment")
    assert {blind.get(address).status_code for address in addresses.values()} == {403}
    User.objects.all().delete()
    reader = staff("view_segment", "view_client")
    seen = {name: reader.get(address).status_code for name, address in addresses.items()}
    assert seen == {"import": 403, "imported": 403, "refused": 403, "export": 200}
