"""Clients and rows that a request names."""

from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from loyalty.api.problems import Problem, invalid
from loyalty.intake.facts import Refused
from loyalty.services import refs

AnyModel = TypeVar("AnyModel", bound=Model)


def client_or_404(ref: str) -> int:
    """The id of the client in an address."""
    try:
        found = refs.client_ids([ref])
    except Refused as error:
        raise Problem("not-found", f"{error.field}: {error.reason}") from None
    if ref not in found:
        raise Problem("not-found", _("There is no such client."))
    return found[ref]


def clients(given: Sequence[str], field: str) -> list[int]:
    """The ids of clients in a body's list `field`; one that is nobody's is refused by its place."""
    for place, ref in enumerate(given):
        try:
            refs.name_of(ref)
        except Refused as error:
            raise invalid(f"{field}[{place}]", error.reason) from None
    found = refs.client_ids(given)
    for place, ref in enumerate(given):
        if ref not in found:
            raise invalid(f"{field}[{place}]", _("is no client"))
    return [found[ref] for ref in given]


def client(ref: str, field: str = "client") -> int:
    """The id of the client in a body's `field`."""
    try:
        found = refs.client_ids([ref])
    except Refused as error:
        raise invalid(field, error.reason) from None
    if ref not in found:
        raise invalid(field, _("is no client"))
    return found[ref]


def row_or_404(rows: QuerySet[AnyModel], pk: str) -> AnyModel:
    """The row whose id is in an address."""
    number = id_in_address(pk)
    found = rows.filter(pk=number).first() if number else None
    if found is None:
        raise Problem(
            "not-found", _("There is no %(what)s %(id)s.") % {"what": rows.model._meta.verbose_name, "id": pk}
        )
    return found


def id_in_address(pk: str) -> int:
    """The number in an address; 0, which is nobody's id, where it is none."""
    return int(pk) if pk.isascii() and pk.isdecimal() and len(pk) < 19 else 0
