"""Clients from a shop's file → facts (docs/imports.md). Knows nothing of the database.

A row is what a webhook would say of a client: the same names of fields, the same reading of what is in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext as _

from loyalty.intake import people, read
from loyalty.intake.facts import ConsentFact, Fact, Refused, Who
from loyalty.intake.read import Origin
from loyalty.models import Consent

CONSENT = "consent."
_DATES = ("birthday", "registered_at")
_YES, _NO = {"да", "y", "+"}, {"нет", "n", "-"}


@dataclass(slots=True, frozen=True)
class Layout:
    """How a file is to be read. `columns`: the header's name → ours, where they differ."""

    zone: tzinfo
    columns: Mapping[str, str] = field(default_factory=dict)
    date_format: str = ""


class ClientReader:
    """Reads rows of one file. Columns of no known name become custom attributes."""

    def __init__(self, header: Sequence[str], layout: Layout, origin: Origin, now: datetime) -> None:
        self._layout = layout
        self._origin = origin
        self._now = now
        self._ours = [layout.columns.get(name, name) for name in header]
        self._theirs = dict(zip(self._ours, header, strict=True))

    def read(self, values: Sequence[str]) -> Fact:
        """The row's client. Raises Refused naming the file's own column."""
        given = {name: text.strip() for name, text in zip(self._ours, values, strict=True) if name and text.strip()}
        key = sha256("\x1f".join(f"{name}={given[name]}" for name in sorted(given)).encode()).hexdigest()
        try:
            return self._fact(key, given)
        except Refused as error:
            raise Refused(self._theirs.get(error.field, error.field), error.reason) from None

    def _fact(self, key: str, given: dict[str, str]) -> Fact:
        traits: dict[str, Any] = {name: said for name, said in given.items() if name != "id"}
        consents = tuple(self._consent(name, traits.pop(name)) for name in list(traits) if name.startswith(CONSENT))
        for spelling in (name for ours in _DATES for name in people.SPELLINGS[ours] if name in traits):
            traits[spelling] = self._date(spelling, traits[spelling])
        person = people.person(traits, self._origin, self._now)
        who = Who(read.identifier(given.get("id", ""), "id"), person.phone, person.email)
        if not (who.external_id or who.email or (who.phone and who.phone.e164)):
            raise Refused("id", _("names nobody: an id, a phone or an e-mail is needed"))
        return Fact(
            f"client-import:{key}",
            "customer.registered",
            person.profile.registered_at or self._now,
            who=who,
            payload={"email_given": person.email_given} if person.email_given else {},
            profile=person.profile,
            consents=consents,
            triggers=False,
        )

    def _consent(self, name: str, said: str) -> ConsentFact:
        """`consent.email` or `consent.email.news`: the channel, and the topic where it is not marketing."""
        channel, _dot, topic = name.removeprefix(CONSENT).partition(".")
        if channel not in Consent.Channel.values:
            raise Refused(name, _("is not a channel"))
        word = said.lower()
        granted = read.flag("yes" if word in _YES else "no" if word in _NO else word, name)
        return ConsentFact(channel, bool(granted), f"file:{name}"[:200], topic=topic[:50] or "marketing")

    def _date(self, name: str, said: str) -> str:
        if not self._layout.date_format:
            return said
        try:
            moment = datetime.strptime(said, self._layout.date_format)  # noqa: DTZ007 (the zone is given below)
        except ValueError:
            raise Refused(name, _("is no date in the expected form")) from None
        if name in people.SPELLINGS["birthday"]:
            return moment.date().isoformat()
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._layout.zone)).isoformat()
