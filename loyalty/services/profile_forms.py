"""Asking clients about themselves: what is missing is asked, what is known is neither shown nor changed (T08).

A link in a message may be forwarded: whoever opens it can tell us something new, and learns nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as t

from loyalty.intake import read as intake
from loyalty.intake.facts import Fact, Refused
from loyalty.models import Client, ProfileForm, ProfileQuestion
from loyalty.models.profile_form import CUSTOM
from loyalty.services import personal_links, profiles, stream
from loyalty.services.personal_links import Over

MAX_TEXT = 500  # characters
MAX_NAME = 150
_PAGE = "profile"

Kind = ProfileQuestion.Kind


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked by a link, and for what: the questions whose answers are not known."""

    form: ProfileForm
    client: Client
    questions: tuple[ProfileQuestion, ...]


def link(slug: str, client_id: int, key: str, until: datetime) -> str:
    """The client's link to a profile form, valid before `until` (UTC). `key`: what gave it."""
    return personal_links.link(_PAGE, slug, client_id, key, until)


def asked_by(token: str, now: datetime) -> Asked:
    """What a link asks. Raises Forged and Over."""
    named = personal_links.read(_PAGE, token, now)
    form = ProfileForm.objects.filter(slug=named.slug, active=True).first()
    if form is None or named.client.erased_at:
        raise Over
    missing = tuple(question for question in form.questions.all() if not _known(named.client, question.attribute))
    return Asked(form, named.client, missing)


def read(
    questions: Sequence[ProfileQuestion], form: Mapping[str, str], now: datetime
) -> tuple[dict[str, Any], dict[str, str]]:
    """What a posted form says and what is wrong with it, by attribute, in the current language."""
    said: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for question in questions:
        text = str(form.get(question.attribute, "")).replace("\x00", "").strip()[:MAX_TEXT]
        if not text:
            if question.required:
                wrong[question.attribute] = t("Please answer this question.")
            continue
        try:
            said[question.attribute] = _value(question, text, now)
        except ValueError as error:
            wrong[question.attribute] = str(error)
    return said, wrong


def fill(asked: Asked, said: Mapping[str, Any], now: datetime) -> None:
    """Stores what the client told as `customer.updated`, and `profile.filled` once for each client and form."""
    own = {name: value for name, value in said.items() if not name.startswith(CUSTOM)}
    custom = {name.removeprefix(CUSTOM): value for name, value in said.items() if name.startswith(CUSTOM)}
    source, client_id = stream.platform(), asked.client.pk
    with transaction.atomic():
        # Two who post at once queue here; the second finds nothing left to tell.
        current = Client.objects.select_for_update(no_key=True).get(pk=client_id)
        own = {name: value for name, value in own.items() if not _known(current, name)}
        custom = {name: value for name, value in custom.items() if not _known(current, f"{CUSTOM}{name}")}
        changes = own | ({"attributes": custom} if custom else {})
        if changes:
            profiles.change(client_id, source, changes, now)
        filled = Fact(
            f"profile.filled:{asked.form.slug}:{client_id}", "profile.filled", now, payload={"form": asked.form.slug}
        )
        stream.append(source, [filled], [client_id], now)


def _known(client: Client, attribute: str) -> bool:
    if attribute.startswith(CUSTOM):
        return client.attributes.get(attribute.removeprefix(CUSTOM)) not in (None, "")
    return bool(getattr(client, attribute))


def _value(question: ProfileQuestion, text: str, now: datetime) -> Any:
    """The answer as it is stored. Raises ValueError with words for the client."""
    choices = question.choices()
    if choices and text not in [value for value, _words in choices]:
        raise ValueError(t("Please choose one of the answers."))
    if question.attribute == "birthday":
        try:
            return intake.birthday(text, "birthday", now)
        except Refused:
            raise ValueError(t("This is not a birthday.")) from None
    if not question.attribute.startswith(CUSTOM):
        return text[:MAX_NAME]
    match question.kind:
        case Kind.FLAG:
            return text == "yes"
        case Kind.NUMBER:
            return _number(text)
        case Kind.DATE:
            try:
                return date.fromisoformat(text).isoformat()
            except ValueError:
                raise ValueError(t("This is not a date.")) from None
    return text


def _number(text: str) -> int | float:
    try:
        number = Decimal(text.replace(",", ".").replace(" ", ""))
    except InvalidOperation:
        raise ValueError(t("This is not a number.")) from None
    if not number.is_finite() or abs(number) >= 10**15:
        raise ValueError(t("This is not a number."))
    return int(number) if number == number.to_integral_value() else float(number)
