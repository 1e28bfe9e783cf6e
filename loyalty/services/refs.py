"""Clients as outsiders name them: by our id, a phone, an e-mail or another system's id (contract §3)."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from loyalty.intake import read
from loyalty.intake.facts import Refused
from loyalty.models import Client, Identity
from loyalty.services import identity
from loyalty.services.identity import Name
from loyalty.services.programme import current


def name_of(ref: str) -> int | Name:
    """What a reference means: `17`, `phone:…`, `email:…`, `external:<source>:<id>`. Raises Refused("client", …)."""
    kind, _colon, value = ref.strip().partition(":")
    if not value:
        if kind.isascii() and kind.isdecimal() and len(kind) < 19:
            return int(kind)
    elif kind == "phone":
        number = read.phone(value, "client", current().phone_region)
        if number and number.e164:
            return (Identity.Kind.PHONE, "", number.e164)
        raise Refused("client", _("is no usable phone"))
    elif kind == "email":
        if email := read.email(value, "client"):
            return (Identity.Kind.EMAIL, "", email)
        raise Refused("client", _("is no usable e-mail"))
    elif kind == "external":
        scope, _colon, external_id = value.partition(":")
        if scope and external_id and "\0" not in value and len(external_id) <= 254:
            return (Identity.Kind.EXTERNAL, scope, external_id)
    raise Refused("client", _("must be like 17, phone:+79991234567, email:a@example.com or external:<source>:<id>"))


def client_ids(refs: Iterable[str]) -> dict[str, int]:
    """The clients that the references lead to, those that lead nowhere left out; few queries however many.

    A client who was merged is whom they were merged into. Raises Refused for a reference of no known form.
    """
    meant = {ref: name_of(ref) for ref in refs}
    names = {name for name in meant.values() if isinstance(name, tuple)}
    holders = identity.holders(names)
    wanted = {name for name in meant.values() if isinstance(name, int)} | set(holders.values())
    survivors = {pk: into or pk for pk, into in Client.objects.filter(pk__in=wanted).values_list("pk", "merged_into")}
    found = {}
    for ref, name in meant.items():
        client_id = survivors.get(holders.get(name, 0) if isinstance(name, tuple) else name)
        if client_id is not None:
            found[ref] = client_id
    return found
