"""Who a fact is about and what it says of them, for sources that name a client in one object."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.core.validators import slug_re

from loyalty.intake import read
from loyalty.intake.facts import Phone, Profile
from loyalty.intake.read import Origin


@dataclass(slots=True, frozen=True)
class Person:
    """What an object about a client says."""

    phone: Phone | None
    email: str
    # The e-mail as given where it cannot be one: kept for staff to see, never a name of the client.
    email_given: str
    profile: Profile


# Every spelling of a trait that is read; all other traits become the client's custom attributes.
SPELLINGS = {
    "first_name": ("first_name", "firstName", "firstname"),
    "last_name": ("last_name", "lastName", "lastname"),
    "name": ("name",),
    "email": ("email",),
    "phone": ("phone",),
    "birthday": ("birthday", "birthdate", "date_of_birth"),
    "gender": ("gender",),
    "registered_at": ("registered_at", "createdAt", "created_at"),
    "zone": ("zone", "timezone"),
    "language": ("language", "locale"),
    "country": ("country",),
}
_KNOWN = frozenset(spelling for spellings in SPELLINGS.values() for spelling in spellings)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone(value: Any, field: str) -> str:
    """An IANA zone; what is none is not taken, because a device's idea of it is only a hint."""
    given = read.text(value, field, 64, cut=True)
    return given if given in _zones() else ""


def store(value: Any) -> str:
    """A store's code; what cannot be one is not taken. Whatever is said stays an attribute as well: a shop may mean
    something else by the word."""
    given = str(value).strip() if isinstance(value, str | int) else ""
    return given if len(given) <= 50 and slug_re.match(given) else ""


def person(given: dict[str, Any], origin: Origin, now: datetime, ignored: frozenset[str] = frozenset()) -> Person:
    """Reads traits; `ignored` are names that are no attributes because their reader is another."""
    said: dict[str, tuple[str, Any]] = {
        name: next(((word, given[word]) for word in words if given.get(word) is not None), ("", None))
        for name, words in SPELLINGS.items()
    }

    def short(name: str, limit: int) -> str:
        field, value = said[name]
        return read.text(value, field, limit, cut=True)

    first, last, name = short("first_name", 150), short("last_name", 150), short("name", 300)
    if name and not first and not last:
        first, _, last = name.partition(" ")
        first, last = first[:150], last.strip()[:150]
    email = read.email(said["email"][1], "email")
    given_address = given.get("address")
    country = said["country"][1] or (given_address.get("country") if isinstance(given_address, dict) else "")
    profile = Profile(
        first_name=first,
        last_name=last,
        birthday=read.birthday(said["birthday"][1], said["birthday"][0], now),
        gender=read.gender(said["gender"][1], "gender"),
        zone=zone(said["zone"][1], said["zone"][0]),
        language=short("language", 10),
        store=store(given.get("store")),
        registered_at=read.moment(said["registered_at"][1], said["registered_at"][0], now, epoch=True),
        attributes={name: value for name, value in given.items() if name not in _KNOWN and name not in ignored},
    )
    return Person(
        phone=read.phone(said["phone"][1], "phone", read.text(country, "country", 100, cut=True), origin.phone_region),
        email=email,
        email_given="" if email else short("email", 300),
        profile=profile,
    )


def anonymous(value: Any, field: str) -> tuple[str, ...]:
    """An anonymous id as a name of somebody not yet known."""
    given = read.identifier(value, field, 2000)
    return (f"anon:{read.key(given)}",) if given else ()
