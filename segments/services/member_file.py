"""A file of clients: CSV (plain or gzip) or XLSX, with the columns id, external id, phone, e-mail."""

from collections.abc import Iterator
from pathlib import Path

from loyalty.intake.sheet_file import Row, Sheet

MAX_BYTES = 20_000_000
MAX_ROWS = 200_000

ID, EXTERNAL, PHONE, EMAIL = "id", "external_id", "phone", "email"

# How people and other systems head these columns.
NAMES = {
    ID: ("id", "client id", "client", "ид", "id клиента", "клиент"),
    EXTERNAL: ("external id", "customer id", "customer", "card", "внешний id", "внешний ид", "карта", "номер карты"),
    PHONE: ("phone", "phone number", "mobile", "tel", "телефон", "номер телефона", "тел", "мобильный"),
    EMAIL: ("email", "e-mail", "mail", "email address", "почта", "эл. почта", "электронная почта"),
}


def rows(path: Path, name: str) -> Iterator[Row]:
    """The rows of a file under its header, `name` telling its kind. Raises FileError where it cannot be read, lacks
    all of the columns, or is too large."""
    return Sheet(NAMES, MAX_BYTES, MAX_ROWS).rows(path, name)
