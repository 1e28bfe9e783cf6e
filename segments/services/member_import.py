"""Filling a static segment from a file (semantics §43): read and looked at first, applied when the user says so."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as t

from loyalty.intake import read
from loyalty.intake.facts import Refused
from loyalty.models import Client, Identity
from loyalty.services.programme import current
from segments.models import MemberImport, Membership, Segment
from segments.services import member_file, membership
from segments.services.member_file import EMAIL, EXTERNAL, ID, PHONE

CHUNK = 5_000
# Refusals that are kept to be shown; all are counted.
KEPT = 5_000
# A file that was looked at and not applied is forgotten after this.
FORGOTTEN = timedelta(days=1)

Cells = dict[str, str]


class NotApplied(Exception):
    """An import that cannot be applied; the text says why."""


def look(segment: Segment, path: Path, name: str, author_id: int | None, now: datetime) -> MemberImport:
    """Reads a file and stores what would come of it; nobody enters yet. Raises FileError where it cannot be read.

    A row may name its client by several columns: they have to agree. Clients by ids of merged ones are those whom these
    became.
    """
    MemberImport.objects.filter(applied_at=None, created_at__lt=now - FORGOTTEN).delete()
    made = MemberImport(segment=segment, author_id=author_id, name=name[-200:], created_at=now)
    clients: dict[int, None] = {}
    rows = member_file.rows(path, name)
    while chunk := list(islice(rows, CHUNK)):
        known = _candidates([cells for _line, cells in chunk if not isinstance(cells, Refused)])
        for line, cells in chunk:
            made.rows += 1
            try:
                if isinstance(cells, Refused):
                    raise cells
                client = _decide(cells, known)
            except Refused as why:
                made.refused += 1
                if len(made.refusals) < KEPT:
                    made.refusals.append([line, why.field, why.reason])
                continue
            made.repeated += client in clients
            clients[client] = None
    made.clients, made.found = list(clients), len(clients)
    made.save()
    return made


def already(made: MemberImport) -> int:
    """How many of the clients are in the segment now."""
    return Membership.objects.filter(segment=made.segment_id, client__in=made.clients).count()


def apply(import_id: int, now: datetime, *, triggers: bool) -> int:
    """Lets the clients in, all or none; returns how many were not in. `triggers`: scenarios hear of it (semantics §6).

    Raises NotApplied where it was applied already, is gone, or the segment is not static.
    """
    with transaction.atomic():
        made = MemberImport.objects.select_for_update().filter(pk=import_id).first()
        if made is None or made.applied_at is not None:
            raise NotApplied(t("This file was applied already, or is forgotten: choose it again."))
        segment = Segment.objects.select_for_update(no_key=True).get(pk=made.segment_id)
        if segment.is_dynamic:
            raise NotApplied(t("A dynamic segment is filled by its rule."))
        # Who was merged since is let in as who they became; who is gone is not.
        ids = sorted(set(_merged(made.clients).values()))
        entered = sum(
            membership.add(segment.pk, dict.fromkeys(ids[start : start + CHUNK], 0), now, triggers=triggers)
            for start in range(0, len(ids), CHUNK)
        )
        made.clients, made.applied_at = [], now
        made.save(update_fields=["clients", "applied_at"])
    return entered


def _decide(cells: Cells, known: dict[tuple[str, str], set[int]]) -> int:
    """The client of a row. Raises Refused, naming the column."""
    if not cells:
        raise Refused("", t("is empty"))
    found = {column: known.get((column, value), set()) for column, value in cells.items()}
    telling = {column: clients for column, clients in found.items() if clients}
    if not telling:
        column = next(iter(cells))
        raise Refused(column, t("no client has it"))
    common = set.intersection(*telling.values())
    if len(common) == 1:
        return common.pop()
    column = next(iter(telling))
    if common:
        raise Refused(column, t("several clients have it"))
    raise Refused(column, t("names another client than the other columns"))


def _candidates(rows: list[Cells]) -> dict[tuple[str, str], set[int]]:
    """The clients of every value, by column and value as given: a bounded number of queries."""
    given: dict[str, set[str]] = {column: set() for column in (ID, EXTERNAL, PHONE, EMAIL)}
    for cells in rows:
        for column, value in cells.items():
            given[column].add(value)
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for value in given[ID]:
        if value.isdecimal() and len(value) < 19:
            found[ID, value].add(int(value))
    kinds = Identity.Kind
    _look_up(found, EXTERNAL, {value: value for value in given[EXTERNAL]}, kinds.EXTERNAL, "")
    region = current().phone_region
    _look_up(found, PHONE, {value: _phone(value, region) for value in given[PHONE]}, kinds.PHONE, "phone")
    _look_up(found, EMAIL, {value: value.lower() for value in given[EMAIL]}, kinds.EMAIL, "email")
    living = _merged({client for clients in found.values() for client in clients})
    return {key: {living[client] for client in clients if client in living} for key, clients in found.items()}


def _look_up(found: dict[tuple[str, str], set[int]], column: str, meant: dict[str, str], kind: str, field: str) -> None:
    """Adds the clients who are known by these values, as an identity or in a field of the profile."""
    wanted = {value for value in meant.values() if value}
    if not wanted:
        return
    pairs = list(Identity.objects.filter(kind=kind, value__in=wanted).values_list("value", "client_id"))
    if field:
        pairs += Client.objects.filter(**{f"{field}__in": wanted}).values_list(field, "pk")
    clients: dict[str, set[int]] = defaultdict(set)
    for value, client in pairs:
        clients[value].add(client)
    for given, value in meant.items():
        found[column, given] |= clients.get(value, set())


def _phone(value: str, region: str) -> str:
    """In E.164; a spreadsheet may have taken the plus away. Empty where it is no phone."""
    for text in (value, f"+{value}"):
        number = read.phone(text, PHONE, region)
        if number and number.e164:
            return number.e164
    return ""


def _merged(ids: Iterable[int]) -> dict[int, int]:
    """Who clients are now, those that exist: themselves, or whom they were merged into."""
    rows = Client.objects.filter(pk__in=list(ids)).values_list("pk", "merged_into")
    return {pk: into or pk for pk, into in rows}
