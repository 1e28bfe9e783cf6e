"""A mechanic lived through: a shop tells what happens, time passes, and clients get what the mechanic promises.

Everything goes the way it goes in production: the shop's own JSON through its adapter, `manage.py tick` for all that
is due, the pages' own services for what clients do. The clock alone is given.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count
from typing import Any

from django.core.management import call_command
from django.db.models import Min, QuerySet, Sum
from django.utils import timezone

from loyalty.intake.delivery import Delivery
from loyalty.intake.facts import Fact
from loyalty.intake.read import Origin
from loyalty.models import AccessGrant, BonusOperation, Client, PromoIssue
from loyalty.services import deliveries, ledger, product_facts, stream, surveys
from messaging.models import Fallback, Message, Recipient, Status
from messaging.services import presses, touches
from scenarios.models import EntryClock, RunLog, Scenario, ScenarioRun, WebhookCall
from scenarios.services import entering, why
from segments.models import Membership, Segment
from segments.services import membership
from tests import builders as b

# A Monday, ten o'clock in Moscow, where the programme lives.
BEGINNING = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)

LIVES: dict[str, Callable[["Life"], None]] = {}

_numbers = count(1)


def lives(name: str) -> Callable[[Callable[["Life"], None]], Callable[["Life"], None]]:
    """Marks how a mechanic is lived, by its number: "T01"."""

    def mark(life: Callable[["Life"], None]) -> Callable[["Life"], None]:
        if name in LIVES:
            raise ValueError(f"{name} is lived twice")
        LIVES[name] = life
        return life

    return mark


class Life:
    """A shop with a published scenario, and the moment that it is."""

    def __init__(self, publish: Callable[[datetime], Scenario]) -> None:
        self.now = BEGINNING
        self.shop = b.source(slug="shop")
        self._publish = publish
        self._told: list[Delivery] = []
        self._scenario: Scenario | None = None

    @property
    def scenario(self) -> Scenario:
        """The scenario, published when it is first spoken of: what was before is the past to it."""
        if self._scenario is None:
            self._scenario = self._publish(self.now)
        return self._scenario

    # Who there is

    def client(self, consent: bool = True, **values: Any) -> Client:
        """A client whom the shop knows by the e-mail."""
        made = b.client(consent, **{"created_at": self.now} | values)
        b.identify(self.shop, made)
        return made

    def pair(self, **values: Any) -> tuple[Client, Client]:
        """One for whom it happens and one for whom it does not."""
        return self.client(first_name="Yes", **values), self.client(first_name="No", **values)

    def named(self, email: str) -> Client:
        """The client with this e-mail."""
        return Client.objects.get(email=email)

    # What happens

    def tell(
        self, name: str, who: Client | dict[str, Any] | None = None, at: datetime | None = None, **data: Any
    ) -> None:
        """The shop tells that something has happened, now or at a moment."""
        person = {"email": who.email} if isinstance(who, Client) else who
        body = {"type": name, "timestamp": (at or self.now).isoformat(), "data": data}
        body |= {"client": person} if person else {}
        headers = {"webhook-id": f"d{next(_numbers)}"}
        origin = Origin(self.shop.slug, self.shop.currency or "RUB", "RU")
        delivery = Delivery(json.dumps(body, default=str).encode(), headers, origin, self.now)
        self._told.append(delivery)
        outcome = deliveries.take_webhook(self.shop, delivery)
        if outcome.refused or outcome.unknown:
            raise ValueError(f"{name}: {outcome.refused or outcome.unknown}")

    def platform(self, name: str, who: Client, **said: Any) -> None:
        """The platform itself says that something has happened."""
        fact = Fact(f"{name}:{next(_numbers)}", name, self.now, payload=said)
        stream.append(stream.platform(), [fact], [who.pk], self.now)

    def buy(self, who: Client, total: int = 1000, at: datetime | None = None, paid: bool = True, **data: Any) -> str:
        """An order with what it is of (`product`: its id, title, category); returns its id."""
        number = f"O-{next(_numbers)}"
        goods = data.pop("goods", {"product_id": "P-1", "title": "Tea", "category": "Tea"})
        line = goods | {"quantity": 1, "price": str(total), "total": str(total)}
        moment = (at or self.now).isoformat()
        told = {"order_id": number, "total": str(total), "currency": "RUB", "lines": [line], "ordered_at": moment}
        self.tell("order.created", who, at, **told | {"status": "paid" if paid else "created"} | data)
        return number

    def survey(self, who: Client, **answers: str) -> None:
        """The client follows the newest link to a survey that a message brought, and answers."""
        (body,) = Message.objects.filter(client=who, body__contains="/survey/").order_by("-pk").values_list("body")[:1]
        asked = surveys.asked_by(body[0].split("/survey/")[1].split("/")[0], self.now)
        questions = list(asked.survey.questions.all())
        said, wrong = surveys.read(questions, answers)
        if wrong:
            raise ValueError(str(wrong))
        surveys.answer(asked, questions, said, self.now)

    def press(self, who: Client, text: str) -> None:
        """The client presses a button of the newest message that has it."""
        for message in Message.objects.filter(client=who).order_by("-pk"):
            for number, row in enumerate(message.extras.get("buttons", ())):
                if row["text"] == text:
                    presses.press(message.pk, number, self.now, self.now)
                    return
        raise ValueError(f"no message of {who} has a button {text!r}")

    def open(self, who: Client, channel: str = "email") -> None:
        """The client opens the newest message."""
        message = Message.objects.filter(client=who, channel=channel).latest("pk")
        touches.note(message.pk, None, "person", self.now)
        self.now += timedelta(seconds=10)
        touches.fold(self.now)

    def let_in(self, *who: Client, occasion: str = "") -> None:
        """Staff let clients in by hand."""
        entering.enrol_by_hand(self.scenario, [person.pk for person in who], occasion or str(next(_numbers)), self.now)

    def put(self, slug: str, *who: Client) -> None:
        """Staff put clients into a segment."""
        membership.add(Segment.objects.get(slug=slug).pk, {person.pk: 0 for person in who}, self.now)

    def earn(self, who: Client, amount: int, days: int | None = None, **values: Any) -> None:
        """Bonuses that no scenario gave; they burn at the end of a day."""
        zone = timezone.get_default_timezone()
        ends = None if days is None else ledger.lifetime_end(self.now, days, zone)
        grant = ledger.Grant(
            who.pk, amount, f"g{next(_numbers)}", **{"activates_at": self.now, "expires_at": ends} | values
        )
        ledger.accrue("till", grant, self.now)

    def spend(self, who: Client, amount: int) -> None:
        """The client pays with bonuses."""
        ledger.spend("till", who.pk, amount, f"s{next(_numbers)}", self.now)

    def goods(self, *goods: dict[str, Any]) -> None:
        """The catalogue tells of goods."""
        for one in goods:
            told = {"price": "100", "currency": "RUB", "in_stock": True} | one
            self.tell("product.published", **told)

    def past(self) -> None:
        """What was told until now is over and read before the scenario is published."""
        self.tick()
        self.now += timedelta(minutes=1)

    def night(self) -> None:
        """What is counted every night, from all orders together."""
        product_facts.count(self.now, support=1)

    # Time

    def tick(self) -> None:
        """Everything that is due now."""
        call_command("tick", now=self.now.isoformat(), stdout=StringIO())

    def go(self, **delta: float) -> None:
        """Time passes: "days=3". What comes due on the way is done when it comes."""
        self.till(self.now + timedelta(**delta))

    def till(self, moment: datetime | str) -> None:
        """Time passes till a moment; a text is one of the programme's clock: "2026-12-01 11:00"."""
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment).replace(tzinfo=timezone.get_default_timezone()).astimezone(UTC)
        self.scenario  # noqa: B018 (in force before anything else happens)
        self.tick()
        while (due := self._due()) is not None and due < moment:
            self.now = due
            self.tick()
        self.now = moment
        self.tick()

    def _due(self) -> datetime | None:
        """The next moment at which anything known is due."""
        waiting = (
            EntryClock.objects.filter(due_at__gt=self.now).aggregate(at=Min("due_at")),
            ScenarioRun.objects.filter(state="active", due_at__gt=self.now).aggregate(at=Min("due_at")),
            Message.objects.filter(status=Status.QUEUED, due_at__gt=self.now).aggregate(at=Min("due_at")),
            Fallback.objects.filter(at__gt=self.now).aggregate(at=Min("at")),
            WebhookCall.objects.filter(state="waiting", due_at__gt=self.now).aggregate(at=Min("due_at")),
        )
        return min((row["at"] for row in waiting if row["at"]), default=None)

    # What came of it

    def sent(self, who: Client) -> list[str]:
        """The channels by which the client was written to, in order."""
        sent = self._messages(who).filter(status__in=(Status.ACCEPTED, Status.DELIVERED))
        return list(sent.order_by("sent_at", "pk").values_list("channel", flat=True))

    def said(self, who: Client) -> str:
        """The text of the newest message that was sent."""
        return self._messages(who).filter(status=Status.ACCEPTED).latest("pk").body

    def _messages(self, who: Client) -> QuerySet[Message]:
        return Message.objects.filter(client=who, recipient=Recipient.CLIENT)

    def withheld(self, who: Client) -> list[str]:
        """Why messages were not sent."""
        return list(self._messages(who).filter(status=Status.WITHHELD).values_list("reason", flat=True))

    def given(self, who: Client) -> int:
        """The bonuses that scenarios gave, in all."""
        posted = BonusOperation.objects.filter(client=who, kind="accrue", source="scenario")
        return posted.aggregate(sum=Sum("amount"))["sum"] or 0

    def codes(self, who: Client) -> int:
        """How many promo codes the client was given."""
        return PromoIssue.objects.filter(client=who).count()

    def gifts(self, who: Client) -> list[str]:
        """The gifts and accesses that the client holds now."""
        held = AccessGrant.objects.filter(client=who, revoked=False).order_by("pk")
        return [one.name for one in held if one.ends_at is None or one.ends_at > self.now]

    def segments(self, who: Client) -> set[str]:
        """The segments that the client is in."""
        return set(Membership.objects.filter(client=who).values_list("segment__slug", flat=True))

    def attribute(self, who: Client, name: str) -> Any:
        """A custom attribute of the client."""
        return Client.objects.values_list("attributes", flat=True).get(pk=who.pk).get(name)

    def staff(self, about: Client) -> int:
        """How many messages staff got about a client."""
        return Message.objects.filter(client=about, recipient=Recipient.STAFF, status=Status.ACCEPTED).count()

    def runs(self, who: Client, of: Scenario | None = None) -> int:
        """How often the client entered."""
        return ScenarioRun.objects.filter(client=who, scenario=of or self.scenario).count()

    def why(self, who: Client) -> str:
        """Why the client did or did not get it, as `manage.py explain` says it."""
        return why.why(self.scenario, who.pk, self.now).verdict

    def why_traced(self, who: Client) -> str:
        """The same with all that the verdict stands on."""
        return json.dumps(why.as_data(why.why(self.scenario, who.pk, self.now)), default=str, ensure_ascii=False)

    def got_nothing(self, who: Client, *because: str) -> None:
        """The client got nothing of the scenario, and the reasons are told."""
        assert self.sent(who) == []
        assert self.given(who) == self.codes(who) == 0
        assert self.gifts(who) == []
        trace = self.why_traced(who)
        for words in because:
            assert words in trace, f"{words!r} is not in {trace}"

    def sum(self) -> tuple[Any, ...]:
        """All that there is, to see that nothing is done twice."""
        return (
            Message.objects.count(),
            sorted(BonusOperation.objects.values_list("client", "kind", "amount")),
            PromoIssue.objects.count(),
            AccessGrant.objects.count(),
            Membership.objects.count(),
            ScenarioRun.objects.count(),
            WebhookCall.objects.count(),
            RunLog.objects.filter(kind="step").count(),
            sorted(map(str, Client.objects.values_list("attributes", flat=True))),
        )

    def again(self) -> None:
        """Whatever the shop told is delivered a second time, and everything that is due is done again."""
        for delivery in self._told:
            deliveries.take_webhook(self.shop, Delivery(delivery.body, delivery.headers, delivery.origin, self.now))
        self.tick()
