"""A message as one client would get it, before anybody does (semantics §25)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import orjson
from django.db import connection
from django.utils.translation import gettext as t

from messaging.buttons import Button
from messaging.models import Channel, ChannelContent
from messaging.services import (
    accounts,
    button_texts,
    contents,
    hints,
    keyboards,
    recipients,
    render,
    sms_parts,
    tracking,
    variables,
    wordings,
)
from messaging.services.button_texts import Keyboard
from messaging.services.manner import Money
from messaging.services.wordings import Said


def _rub(amount: int) -> Money:
    return Money(Decimal(amount), "RUB")


# What a step above the message, or a notice, would give: as an example.
SAMPLES: dict[str, object] = {
    "promo": {"code": "ACDE-FGHJ-KMNP", "until": "2026-12-31", "pool": "Promo"},
    "access": {"code": "ACDE-FGHJ", "url": "https://club.example/", "until": "2026-12-31", "name": "Club"},
    "gift": {"code": "ACDE-FGHJ", "url": "https://shop.example/gift", "until": "2026-12-31", "name": "Cup"},
    "profile": {"url": "https://shop.example/profile/", "until": "2026-12-31", "name": "About you"},
    "survey": {"url": "https://shop.example/survey/", "until": "2026-12-31", "name": "Survey"},
    "products": [
        {"title": title, "price": price, "old_price": None, "currency": "RUB", "image_url": "", "brand": "",
         "category": "", "sku": "", "product_id": title, "url": "https://shop.example/" + title.lower()}
        for title, price in (("Tea", "350.00"), ("Cup", "790.00"))
    ],
    "accrued": {"amount": 100},
    "burning": {"amount": 100, "date": "2026-12-31", "until": "2026-12-30"},
}  # fmt: skip
# Where no client is chosen, or the one who looks may not see clients.
SOMEBODY = recipients.Recipient(0, "Anna", "Petrova", "anna@example.com", "+79991234567", "", "", "{}")
# What events that start scenarios say most often.
_ENTRY = {
    "order_id": "5001", "number": "42", "total": "1300.00", "currency": "RUB", "cart_token": "K-77", "lines": [],
    "product_id": "P-1", "title": "Tea", "price": "350.00", "old_price": "450.00", "category": "Tea",
    "url": "https://shop.example/tea", "query": "tea", "place": "Arbat 1", "count": 1, "items": [],
}  # fmt: skip
_CART = {
    "lines": [{"title": "Tea", "quantity": 2, "price": _rub(350), "total": _rub(700)}],
    "total": _rub(700), "currency": "RUB", "url": "https://shop.example/cart/1",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """The message of one person, as the outbox takes it."""

    said: Said
    buttons: tuple[Button, ...]
    person: recipients.Recipient


@dataclass(frozen=True, slots=True)
class Shown:
    """The message, or why there is none."""

    said: Said | None = None
    error: str = ""
    # Under the text: what its real buttons say. Where the channel has none, they are links in the text.
    buttons: list[str] = field(default_factory=list)
    # Of an SMS: parts, whether they are in GSM-7, characters, and what it costs in the programme's currency.
    parts: int = 0
    seven: bool = True
    units: int = 0
    cost: Decimal = Decimal(0)
    sender: str = ""
    hints: list[str] = field(default_factory=list)


def write(content: ChannelContent, buttons: Sequence[dict[str, str]], client_id: int | None, now: datetime) -> Written:
    """The message for a client, or for `SOMEBODY`. What steps above would give is an example.

    Raises TemplateError and RenderError, with what is wrong in the current language.
    """
    texts, keys = wordings.compiled(content), Keyboard(buttons)
    loaded = recipients.load([client_id]) if client_id else {}
    person = loaded.get(client_id or 0, SOMEBODY)
    known = variables.load(texts.names | keys.names, list(loaded), {person.id: person}, now)
    examples = {} if loaded else {"bonus": {"available": 250, "pending": 40}, "cart": _CART}
    values = SAMPLES | {"cart": _CART, "entry": _entry(client_id)} | known.of(person.id) | examples
    manner = known.manner(person.id)
    return Written(texts.render(values, manner), keys.of(values, manner), person)


def show(
    content: ChannelContent, topic: str, buttons: Sequence[dict[str, str]], client_id: int | None, now: datetime
) -> Shown:
    """The message as a client would see it: with its links and buttons as they will be sent."""
    try:
        for wrong in (*wordings.wrong(content).values(), *button_texts.problems(buttons)):
            return Shown(error=wrong)
        written = write(content, buttons, client_id, now)
    except (render.TemplateError, render.RenderError) as error:
        return Shown(error=str(error))
    said, rows = written.said, keyboards.rows(0, written.buttons)
    counted = tracking.Text(None, "", content.channel, topic, said.body)
    body = said.body if content.channel == Channel.EMAIL else tracking.example(counted)
    said = said._replace(
        body=keyboards.in_text(content.channel, body, rows, said.extras), html=keyboards.in_html(said.html, rows)
    )
    outlets = accounts.outlets()
    is_sms = content.channel == Channel.SMS
    parts = sms_parts.parts(said.body) if is_sms else 0
    outlet = outlets.of(content.channel)
    price = (outlet and outlet.price) or Decimal(0)
    return Shown(
        said,
        buttons=_seen(content, written.buttons, said),
        parts=parts,
        seven=sms_parts.seven_bit(said.body),
        units=sms_parts.units(said.body),
        cost=price * parts if is_sms else price,
        sender=outlets.sender(content.channel),
        hints=[*hints.hints(content.channel, topic, written.said, parts), *_about_buttons(content, buttons)],
    )


def _seen(content: ChannelContent, pressed: Sequence[Button], said: Said) -> list[str]:
    """The real buttons under a message."""
    if not keyboards.native(content.channel, said.extras):
        return []
    hidden = set(contents.not_in_template([{"text": key.text, "kind": key.kind} for key in pressed], content))
    return [key.text for key in pressed if key.text not in hidden]


def _about_buttons(content: ChannelContent, buttons: Sequence[dict[str, str]]) -> Iterator[str]:
    if content.channel == Channel.WHATSAPP and not content.template:
        yield t("WhatsApp takes free text only within 24 hours of the client's own message: choose a template.")
    if hidden := contents.not_in_template(buttons, content):
        yield t("The template has no button «%(names)s»: WhatsApp does not show it.") % {"names": "», «".join(hidden)}
    if content.channel in keyboards.TAPPED and len(buttons) > 1:
        yield t("A tap on a push opens the first button; the others are not seen.")


def _entry(client_id: int | None) -> dict[str, object]:
    """What the client's newest event says: an entry is such an event."""
    if not client_id:
        return dict(_ENTRY)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT payload FROM loyalty_event WHERE client_id = %s ORDER BY occurred_at DESC LIMIT 1", [client_id]
        )
        row = cursor.fetchone()
    return orjson.loads(row[0]) if row else {}
