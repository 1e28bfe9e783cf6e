"""Who Shopify's resources are about, and what these clients allowed."""

from datetime import datetime
from typing import Any

from loyalty.intake import read
from loyalty.intake.delivery import Delivery
from loyalty.intake.facts import ConsentFact, Fact, Phone, Profile, Who
from loyalty.models import Consent


def cart_name(token: str) -> str:
    """The name under which whoever holds a cart is kept until a checkout or an order tells who it is."""
    return f"cart:{read.key(token)}"


def fill(
    fact: Fact,
    item: dict[str, Any],
    delivery: Delivery,
    consent_at: datetime,
    cart_token: str = "",
    customer: dict[str, Any] | None = None,
) -> Fact:
    """Fills in who the fact is about, what it says of them and what they allowed.

    `item` is the resource and `customer` the client inside it (the resource itself where it is one);
    `consent_at` is when the buyer said yes or no, where consent carries no time of its own.
    """
    if customer is None:
        customer = read.mapping(item.get("customer"), "customer")
    addresses = [
        read.mapping(holder.get(name), name)
        for holder, name in ((customer, "default_address"), (item, "billing_address"), (item, "shipping_address"))
    ]
    email = ""
    for value in (item.get("email"), item.get("contact_email"), customer.get("email")):
        email = email or read.email(value, "email")
        if value and not email:
            fact.payload["email_given"] = read.text(value, "email", 300, cut=True)
    fact.who = Who(
        external_id=read.identifier(customer.get("id"), "customer.id"),
        phone=_phone([item, customer, *addresses], addresses, delivery.origin.phone_region),
        email=email,
        anonymous=(cart_name(cart_token),) if cart_token else (),
    )
    language = read.text(item.get("customer_locale") or customer.get("locale"), "customer_locale", 10, cut=True)
    named = next((one for one in (customer, *addresses) if one.get("first_name") or one.get("last_name")), {})
    profile = Profile(
        first_name=read.text(named.get("first_name"), "first_name", 150, cut=True),
        last_name=read.text(named.get("last_name"), "last_name", 150, cut=True),
        language=language,
    )
    fact.profile = profile
    fact.consents = consents(item, customer, consent_at, delivery.now)
    return fact


def _phone(holders: list[dict[str, Any]], addresses: list[dict[str, Any]], region: str) -> Phone | None:
    """The first phone that can be used, else the first given. An address knows its own country."""
    anywhere = next((country for address in addresses if (country := _country(address))), "")
    first: Phone | None = None
    for holder in holders:
        if not holder.get("phone"):
            continue
        found = read.phone(holder["phone"], "phone", _country(holder), anywhere, region)
        if found and found.e164:
            return found
        first = first or found
    return first


def _country(address: dict[str, Any]) -> str:
    return read.text(address.get("country_code"), "country_code", 100, cut=True)


# channel: the fields that speak for it alone, strongest first (a state object, a plain flag)
_OWN_CONSENT = {
    Consent.Channel.EMAIL: ("email_marketing_consent", ""),
    Consent.Channel.SMS: ("sms_marketing_consent", "buyer_accepts_sms_marketing"),
}


def consents(
    item: dict[str, Any], customer: dict[str, Any], given_at: datetime, now: datetime
) -> tuple[ConsentFact, ...]:
    """Consent for e-mail and SMS. A plain yes or no covers both, unless a channel has a word of its own."""
    plain: tuple[bool, str] | None = None
    for holder, name in (
        (item, "buyer_accepts_marketing"),
        (item, "accepts_marketing"),
        (customer, "accepts_marketing"),
    ):
        said = read.flag(holder.get(name), name)
        if said is not None:
            plain = (said, name)
            break
    found = []
    for channel, (state_field, flag_field) in _OWN_CONSENT.items():
        own = _state(item, state_field, given_at, now) or _state(customer, state_field, given_at, now)
        said = read.flag(item.get(flag_field), flag_field) if flag_field else None
        if own:
            found.append(ConsentFact(channel.value, own[0], f"shopify:{state_field}", given_at=own[1]))
        elif said is not None:
            found.append(ConsentFact(channel.value, said, f"shopify:{flag_field}", given_at=given_at))
        elif plain is not None:
            found.append(ConsentFact(channel.value, plain[0], f"shopify:{plain[1]}", given_at=given_at))
    return tuple(found)


def _state(holder: dict[str, Any], field: str, given_at: datetime, now: datetime) -> tuple[bool, datetime] | None:
    consent = read.mapping(holder.get(field), field)
    state = read.text(consent.get("state"), f"{field}.state", 50, cut=True).lower()
    if not state:
        return None
    at = read.moment(consent.get("consent_updated_at"), f"{field}.consent_updated_at", now)
    return state == "subscribed", at or given_at
