"""The ways out that there are now: accounts as staff set them up, else what the environment says.

They are loaded once a process and again when one of them changed, which one small query tells: a kill switch acts
with the next batch.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from django.db import connection

from messaging.channels import Channel, Memory, channel_of, usual
from messaging.models import Channel as Name
from messaging.models import ChannelAccount, ChannelPrice, Message
from messaging.services.sms_parts import parts

# Calls in flight for a channel that has no account.
CONCURRENCY = 100


@dataclass(frozen=True, slots=True)
class Outlet:
    """A channel through one account, ready to send. `account_id` 0: the environment's."""

    account_id: int
    name: str
    way: Channel
    concurrency: int = CONCURRENCY
    rate: float | None = None  # messages a second
    # None: nobody has said what a message costs.
    price: Decimal | None = None
    stopped: bool = False

    def cost(self, message: Message) -> Decimal | None:
        """What one message costs, in the currency of the programme; an SMS by its parts (semantics §51)."""
        if self.price is None:
            return None
        return self.price * parts(message.body) if self.name == Name.SMS else self.price


@dataclass(slots=True)
class Outlets:
    """All of them at one moment."""

    stopped: bool
    _accounts: list[ChannelAccount]
    _prices: dict[str, Decimal]
    _made: dict[int, Outlet] = field(default_factory=dict)

    def of(self, name: str, account_id: int = 0) -> Outlet | None:
        """Where a message of a channel goes that names an account, or none (0); None: it has to wait.

        An account that is not active any more leaves its messages to the main one. Where all accounts of a channel
        are switched off nothing is sent: the environment is only for those who have set up none.
        """
        of_channel = [account for account in self._accounts if account.channel == name]
        if not of_channel:
            return Outlet(0, name, usual(name), price=self._prices.get(name))
        active = [account for account in of_channel if account.active]
        found = [account for account in active if account.pk == account_id]
        # False sorts first: the main one, else the oldest.
        chosen = found or sorted(active, key=lambda account: (not account.is_default, account.pk))
        return self._outlet(chosen[0]) if chosen else None

    def exactly(self, name: str, account_id: int) -> Outlet:
        """The way that a message went, whether or not it would go there now."""
        for account in self._accounts:
            if account.pk == account_id:
                return self._outlet(account)
        return Outlet(0, name, usual(name) if not account_id else Memory())

    def sender(self, name: str) -> str:
        """From whom messages of a channel come, as their readers see it; empty where nothing is known."""
        of_channel = [account for account in self._accounts if account.channel == name and account.active]
        found = sorted(of_channel, key=lambda account: (not account.is_default, account.pk))
        return found[0].sender if found else ""

    def _outlet(self, account: ChannelAccount) -> Outlet:
        if account.pk not in self._made:
            self._made[account.pk] = Outlet(
                account.pk,
                account.channel,
                channel_of(account),
                account.concurrency,
                float(account.rate) if account.rate is not None else None,
                account.price if account.price is not None else self._prices.get(account.channel),
                account.stopped,
            )
        return self._made[account.pk]


_known: tuple[object, Outlets] | None = None


def outlets() -> Outlets:
    """The ways out of this moment: one small query where nothing changed."""
    global _known
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT coalesce((SELECT bool_or(stopped) FROM messaging_sendingswitch), false),
                      (SELECT count(*) FROM messaging_channelaccount),
                      (SELECT max(changed_at) FROM messaging_channelaccount),
                      (SELECT max(id) FROM messaging_channelaccount),
                      (SELECT string_agg(channel || ' ' || price, ',' ORDER BY channel) FROM messaging_channelprice)"""
        )
        version = cursor.fetchone()
    if _known is None or _known[0] != version:
        prices = dict(ChannelPrice.objects.values_list("channel", "price"))
        _known = version, Outlets(version[0], list(ChannelAccount.objects.order_by("pk")), prices)
    return _known[1]
