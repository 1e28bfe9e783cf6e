"""The values behind a template's variables, loaded for a whole batch: only those that the template reads."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import orjson
from django.db import connection

from loyalty.models import ReferralRules
from loyalty.money import major
from loyalty.services import programme, promo, referrals
from loyalty.services.ledger import Balance, balances
from loyalty.services.referral_codes import code_of
from messaging.services import addresses, opt_in
from messaging.services.manner import Manner, Money, manner
from messaging.services.recipients import Recipient

# Bonuses that burn within this time are told of as burning soon.
SOON = timedelta(days=30)


@dataclass(slots=True)
class Known:
    """Values by variable and client."""

    clients: Mapping[int, Recipient]
    names: frozenset[str]
    bonus: Mapping[int, Balance]
    cart: Mapping[int, dict[str, object]]
    # Of those who were asked to confirm that they agree and have not answered.
    confirm: Mapping[int, dict[str, object]] = field(default_factory=dict)
    referral: ReferralRules | None = None
    # How a client's link is made, by the channels that have an account.
    sign_up: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    # What burns next within `SOON`: minor units and the last day, by client.
    expiring: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    # Digits after the point of a bonus.
    scale: int = 0
    now: datetime | None = None
    _currencies: list[str] = field(default_factory=list)

    def manner(self, client_id: int) -> Manner:
        """How a text for the client writes dates, sums and numbers."""
        client = self.clients[client_id]
        return manner(client.language, client.zone, self.now, self.currency)

    def manner_of_staff(self) -> Manner:
        """How a text for staff does: in the language and zone of the installation."""
        return manner("", "", self.now, self.currency)

    def currency(self) -> str:
        """The programme's, asked for once."""
        if not self._currencies:
            self._currencies.append(programme.current().currency)
        return self._currencies[0]

    def of(self, client_id: int) -> dict[str, object]:
        """The variables of one client's text."""
        values: dict[str, object] = {}
        if "client" in self.names:
            values["client"] = self.clients[client_id].variables()
        if "bonus" in self.names:
            balance = self.bonus.get(client_id, Balance())
            values["bonus"] = {name: in_units(getattr(balance, name), self.scale) for name in ("available", "pending")}
        if "expiring" in self.names:
            amount, until = self.expiring.get(client_id, (0, ""))
            values["expiring"] = {"amount": in_units(amount, self.scale), "until": until}
        if "sign_up" in self.names:
            values["sign_up"] = {channel: link(client_id) for channel, link in self.sign_up.items()}
        if self.referral:
            code, link = code_of(client_id, self.referral.key), referrals.link(client_id, self.referral)
            values["referral"] = {"code": code, "url": link, "link": link}
        if client_id in self.confirm:
            values["confirm"] = self.confirm[client_id]
        if client_id in self.cart:
            values["cart"] = self.cart[client_id]
        return values


def in_units(minor: int, scale: int) -> int | Decimal:
    """A number of bonuses as people read it."""
    return Decimal(minor).scaleb(-scale) if scale else minor


def load(names: frozenset[str], client_ids: Collection[int], clients: Mapping[int, Recipient], now: datetime) -> Known:
    """Loads what a template with these top-level names needs: at most two queries a name."""
    return Known(
        clients=clients,
        names=names,
        bonus=balances(client_ids, now) if "bonus" in names and client_ids else {},
        cart=_carts(client_ids) if "cart" in names and client_ids else {},
        confirm=opt_in.links(client_ids, now) if "confirm" in names and client_ids else {},
        sign_up=addresses.sign_up_links() if "sign_up" in names else {},
        referral=referrals.current() if "referral" in names else None,
        expiring=_expiring(client_ids, now) if "expiring" in names and client_ids else {},
        scale=programme.current().bonus_scale if names & {"bonus", "expiring"} else 0,
        now=now,
    )


def _expiring(client_ids: Collection[int], now: datetime) -> dict[int, tuple[int, str]]:
    """Of every client, what burns first, where that is soon."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT ON (client_id) client_id, sum(remaining)::bigint, expires_at FROM loyalty_bonuslot
               WHERE client_id = ANY(%s) AND remaining > 0 AND activates_at <= %s AND expires_at > %s
                 AND expires_at <= %s
               GROUP BY client_id, expires_at ORDER BY client_id, expires_at""",
            [list(client_ids), now, now, now + SOON],
        )
        return {client_id: (amount, promo.last_day(at)) for client_id, amount, at in cursor.fetchall()}


def _carts(client_ids: Collection[int]) -> dict[int, dict[str, object]]:
    """The newest open cart of every client, with money in major units."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT ON (client_id) client_id, lines, total, currency, checkout_url FROM loyalty_cart
               WHERE client_id = ANY(%s) AND (ordered_at IS NULL OR ordered_at < changed_at)
               ORDER BY client_id, changed_at DESC""",
            [list(client_ids)],
        )
        return {
            client_id: {
                "lines": [
                    line | {name: Money(major(line[name], currency), currency) for name in ("price", "total")}
                    for line in orjson.loads(lines)
                ],
                "total": Money(major(total, currency), currency),
                "currency": currency,
                "url": url,
            }
            for client_id, lines, total, currency, url in cursor.fetchall()
        }


def entries(event_ids: Collection[int]) -> dict[int, dict[str, object]]:
    """The payloads of the events that runs were started by: the template's `entry`."""
    if not event_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, payload FROM loyalty_event WHERE id = ANY(%s)", [list(event_ids)])
        return {event_id: orjson.loads(payload) for event_id, payload in cursor.fetchall()}
