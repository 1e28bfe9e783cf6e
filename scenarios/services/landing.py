"""Signing up on a landing page (semantics §27–28)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as t

from loyalty.intake import read
from loyalty.intake.facts import Fact, Profile, Refused, Who
from loyalty.models import Client, Identity
from loyalty.services import consents, events, stream
from loyalty.services.confirmations import CONFIRMED_BY_LINK
from loyalty.services.consents import Evidence
from messaging.services import opt_in
from scenarios.engine.enrol import Candidate, enrol
from scenarios.engine.live import live
from scenarios.models import LandingConsent, LandingPage
from segments.models import Segment
from segments.services import membership


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody filled in, understood."""

    who: Who
    profile: Profile


def understood(page: LandingPage, given: Mapping[str, str], now: datetime) -> tuple[Said, dict[str, str]]:
    """What a form says, and by field what is wrong with it, in the current language."""
    wrong: dict[str, str] = {}
    who, profile = Who(), Profile(language=page.language)
    if page.ask_name:
        try:
            profile.first_name = read.text(given.get("name", ""), "name", 100, cut=True)
        except Refused:
            wrong["name"] = t("This is not a name.")
    if page.ask_phone:
        try:
            who.phone = read.phone(given.get("phone", ""), "phone", "RU" if page.language == "ru" else "")
        except Refused:
            who.phone = None
        if who.phone is None or not who.phone.e164 or who.phone.quality != Client.PhoneQuality.VALID:
            wrong["phone"] = t("Give a phone number with its country code, such as +7 999 123-45-67.")
    if page.ask_email:
        try:
            who.email = read.email(given.get("email", ""), "email")
        except Refused:
            who.email = ""
        if not who.email:
            wrong["email"] = t("Give an e-mail address.")
    if page.ask_birthday:
        try:
            profile.birthday = read.birthday(given.get("birthday", ""), "birthday", now)
        except Refused:
            wrong["birthday"] = t("This is not a birthday.")
    return Said(who, profile), wrong


def missing(page: LandingPage, agreed: Collection[int]) -> list[LandingConsent]:
    """Boxes that have to be ticked and are not."""
    return [box for box in page.boxes() if box.required and box.pk not in agreed]


def asks_to_confirm(page: LandingPage, agreed: Collection[int]) -> bool:
    """Whether what was ticked has to be confirmed by a link. The same for everybody: it tells nobody whom we know."""
    ticked = [box for box in page.boxes() if box.pk in agreed and box.channel in CONFIRMED_BY_LINK]
    return bool(ticked) and (page.confirm or any(box.topic in opt_in.topics() for box in ticked))


def join(page: LandingPage, said: Said, agreed: Collection[int], evidence: Evidence, now: datetime) -> int:
    """Signs somebody up: client, consents with the words they read, segment and chain, all or nothing; the client's id.

    Whoever fills in a form proves nothing: of somebody whom we know it changes neither names nor addresses, and it
    never makes two clients one.
    """
    known = _known(said.who)
    who = said.who if known is None else known
    name = "customer.registered" if known is None else "page.joined"
    payload = {"page": page.slug}
    profile = said.profile if known is None else None
    with transaction.atomic():
        source, key = stream.platform(), f"join:{page.slug}:{uuid4().hex}"
        (recorded,) = events.record(source, [Fact(key, name, now, who=who, payload=payload, profile=profile)], now)
        client_id = recorded.client_id
        if client_id is None:
            raise ValueError("who: a client needs a phone or an e-mail")
        if known is None:
            stream.append(source, [Fact(f"{key}:joined", "page.joined", now, payload=payload)], [client_id], now)
        for box in page.boxes():
            if box.pk in agreed:
                told = Evidence(evidence.where, box.text_version(), evidence.ip, evidence.agent)
                consents.hear(client_id, [(box.channel, box.topic)], told, page.confirm, now)
        if page.segment_id is not None and page.segment and page.segment.kind == Segment.Kind.STATIC:
            membership.add(page.segment_id, {client_id: 0}, now)
        if page.chain_id is not None and (running := live().get(page.chain_id)):
            # A chain runs once a client, whatever starts it: its own rules of entry say so.
            enrol(running, [Candidate(client_id, key[:250], {}, recorded.event_id)], now)
    return client_id


def _known(who: Who) -> Who | None:
    """The one name by which we know the client already, the phone before the e-mail; None: somebody new."""
    names = Identity.objects.filter(scope="")
    if who.phone and names.filter(kind=Identity.Kind.PHONE, value=who.phone.e164).exists():
        return Who(phone=who.phone)
    if who.email and names.filter(kind=Identity.Kind.EMAIL, value=who.email).exists():
        return Who(email=who.email)
    return None
