"""Part D: bonuses, levels, quests, friends, accesses (T32–T44)."""

from django.test import override_settings

from loyalty.models import Client, Quest, ReferralRules
from loyalty.services import promo, referrals
from loyalty.services.referral_codes import code_of
from scenarios.engine import webhooks
from scenarios.models import WebhookEndpoint
from tests import builders as b
from tests.scenarios.lives.life import Life, lives
from tests.scenarios.web_sink import WebSink


def _code(who: Client) -> str:
    return code_of(who.pk, ReferralRules.objects.get().key)


def _friend(life: Life, code: str = "", email: str = "friend@example.com") -> Client:
    client = {"email": email, "consents": {"email": True}}
    life.tell("customer.registered", client, **({"referral_code": code} if code else {}))
    return life.named(email)


@lives("T32")
def accrued(life: Life) -> None:
    yes, spender, no = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    for who, amount in ((yes, 60), (yes, 70), (spender, 100), (no, 10)):
        life.earn(who, amount)
    life.go(minutes=14)
    assert life.sent(yes) == []
    life.go(minutes=2)
    assert (life.sent(yes), life.said(yes)) == (["email"], "130")
    life.go(days=1)
    life.spend(spender, 50)
    life.go(days=4)
    assert (life.sent(yes), life.sent(spender)) == (["email"] * 2, ["email"])
    life.got_nothing(no, "does not fit what the trigger asks of the event")


@lives("T33")
def burn_soon(life: Life) -> None:
    yes, warned, no = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    life.earn(yes, 100, days=20)
    life.earn(yes, 50, days=20)
    life.earn(warned, 10, days=40, warn_days=30)
    life.earn(no, 100, days=20)
    life.spend(no, 100)
    for days in range(11, 21):
        life.till(f"2026-12-{days} 11:00")
    # The lots burn as 21 December begins: one message a week before, one three days before.
    assert life.sent(yes) == ["email"] * 2
    assert life.sent(warned) == ["email"]
    life.got_nothing(no, "Nothing happened to the client")


@lives("T34")
def burnt(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, no):
        life.earn(who, 100, days=5, notify_burn=True)
    life.spend(no, 100)
    life.till("2026-12-06 00:30")
    assert (life.sent(yes), life.given(yes)) == (["email"], 100)
    life.got_nothing(no, "Nothing happened to the client")


@lives("T35")
def new_level(life: Life) -> None:
    for name, threshold in (("Base", 0), ("Gold", 3000)):
        b.level(name, threshold)
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.buy(yes, 5000)
    life.buy(no, 100)
    life.go(minutes=1)
    assert (life.sent(yes), life.gifts(yes)) == (["email"], ["Cup"])
    life.got_nothing(no, "Nothing happened to the client")


@lives("T36")
def quest(life: Life) -> None:
    Quest.objects.create(
        name="Tea",
        slug="tea",
        target=3,
        reward=50,
        starts_at=life.now,
        ends_at=life.now.replace(year=2027),
        counted_at=life.now,
    )
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.go(minutes=1)
    for _ in range(2):
        life.buy(yes)
        life.go(minutes=1)
    assert (life.sent(yes), life.said(yes)) == (["email"], "Tea: 2")
    life.got_nothing(no, "Nothing happened to the client")


@lives("T37")
def promo_code_ends(life: Life) -> None:
    pool = b.promo_pool(codes=3, days_after_issue=10)
    yes, no = life.pair()
    life.scenario  # noqa: B018
    codes = promo.issue_many(pool.pk, [(who.pk, str(who.pk)) for who in (yes, no)], life.now)
    life.go(hours=1)
    promo.redeem(codes[str(no.pk)], no.pk, "order", "r1", life.now)
    # The code ends as 11 December begins.
    life.till("2026-12-08 23:00")
    life.till("2026-12-09 10:00")
    assert (life.sent(yes), life.said(yes)) == (["email"], codes[str(yes.pk)])
    assert life.sent(no) == []
    assert "has a promo code to use" in life.why_traced(no)


@lives("T38")
def link_followed(life: Life) -> None:
    yes, brought = life.pair()
    life.scenario  # noqa: B018
    for who in (yes, brought):
        for _twice in range(2):
            referrals.clicked(who, _code(who), f"visitor of {who.pk}", life.now)
    life.go(hours=5)
    _friend(life, _code(brought))
    life.go(hours=20)
    assert life.sent(yes) == ["email"]
    life.got_nothing(brought)
    assert life.runs(brought) == 1


@lives("T39")
def friend_registered(life: Life) -> None:
    anna = life.client()
    life.scenario  # noqa: B018
    life.put("fans", anna)
    life.go(minutes=1)
    friend, stranger = _friend(life, _code(anna)), _friend(life, email="stranger@example.com")
    life.go(minutes=1)
    assert (life.given(anna), life.sent(anna)) == (300, ["email"])
    assert (life.given(friend), life.sent(friend)) == (100, ["email"])
    life.got_nothing(stranger, "Nothing happened to the client")


@lives("T40")
def friends_first_order(life: Life) -> None:
    anna = life.client()
    life.scenario  # noqa: B018
    friend = _friend(life, _code(anna))
    life.go(hours=1)
    life.buy(friend, 10_000)
    days = ReferralRules.objects.get().window_days
    life.go(days=days, hours=1)
    life.tick()
    assert life.sent(anna) == []
    life.go(days=14, hours=1)
    assert life.sent(anna) == ["email"]
    life.got_nothing(friend, "does not fit what the trigger asks of the event")


@lives("T41")
def deed(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.tell("account.opened", yes)
    life.tell("service.rendered", yes)
    life.tell("account.closed", no)
    life.go(minutes=1)
    assert (life.given(yes), life.sent(yes)) == (100, ["email"])
    life.got_nothing(no, "Nothing happened to the client")


@lives("T42")
def tidy_segments(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    for slug in ("fans", "seasonal"):
        life.put(slug, yes, no)
    life.buy(yes)
    life.buy(no, paid=False)
    life.go(minutes=1)
    assert life.segments(yes) == {"gone", "fans"}
    assert life.segments(no) == {"fans", "seasonal"}
    assert "Nothing happened to the client" in life.why(no)


@lives("T43")
def tell_staff(life: Life) -> None:
    watch, dear, no = (life.client() for _ in range(3))
    life.scenario  # noqa: B018
    life.buy(watch, 900, goods={"product_id": "W", "title": "Watch", "category": "Watches"})
    life.buy(dear, 60_000)
    life.buy(no, 900)
    life.go(minutes=1)
    assert [life.staff(who) for who in (watch, dear, no)] == [1, 1, 0]
    assert "does not fit what the trigger asks of the event" in life.why_traced(no)


@lives("T44")
def access(life: Life) -> None:
    yes, no = life.pair()
    with WebSink() as sink, override_settings(WEBHOOK_ALLOW=["127.0.0.1"]):
        WebhookEndpoint.objects.update(url=sink.url, secret=webhooks.new_secret())
        life.scenario  # noqa: B018
        life.buy(yes, goods={"product_id": "C", "title": "Subscription", "category": "Services"})
        life.buy(no)
        life.go(minutes=1)
        assert (life.sent(yes), life.gifts(yes)) == (["email"], ["Club"])
        life.go(days=30, minutes=1)
        life.tick()
        assert life.gifts(yes) == []
        assert len(sink.requests) == 1
        life.got_nothing(no, "does not fit what the trigger asks of the event")
        life.tick()
        assert len(sink.requests) == 1
