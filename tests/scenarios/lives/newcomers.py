"""Part A: new clients (T01–T09)."""

from loyalty.intake.facts import Profile, Who
from loyalty.models import Client
from loyalty.services import profile_forms
from loyalty.services.consents import Evidence
from messaging.services import opt_in, subscriptions
from scenarios.models import LandingPage
from scenarios.services import landing
from tests.scenarios.lives.life import Life, lives

TEA = {"product_id": "P-1", "title": "Tea", "category": "Tea"}
CUP = {"product_id": "P-2", "title": "Cup", "category": "Cups"}


def _registered(life: Life, email: str, **client: object):
    life.tell("customer.registered", {"email": email, "consents": {"email": True}} | client)
    return life.named(email)


@lives("T01")
def welcome(life: Life) -> None:
    life.goods(TEA, CUP)
    known = _registered(life, "known@example.com")
    life.past()
    new, buyer = _registered(life, "new@example.com"), _registered(life, "buyer@example.com")
    life.tell("customer.registered", known)
    life.go(days=1)
    assert life.sent(new) == ["email", "email"]
    assert (life.given(new), life.codes(new)) == (500, 1)
    life.buy(buyer)
    life.go(days=1)
    assert life.sent(new) == ["email"] * 3
    assert life.sent(buyer) == ["email"] * 2
    life.got_nothing(known, "«Client registered» at most 1 time")


@lives("T02")
def subscribed(life: Life) -> None:
    yes, no = life.client(consent=False), life.client(consent=False)
    life.scenario  # noqa: B018
    for who, channel in ((yes, "email"), (no, "sms")):
        subscriptions.change(
            subscriptions.Visitor(who, None), {(channel, "marketing"): True}, Evidence("page"), life.now
        )
    life.go(minutes=1)
    assert (life.sent(yes), life.codes(yes)) == (["email"], 1)
    life.got_nothing(no, "agreed to «marketing» by e-mail")


@lives("T03")
def landing_page(life: Life) -> None:
    life.scenario  # noqa: B018
    for slug, email in (("spring", "yes@example.com"), ("autumn", "no@example.com")):
        page = LandingPage.objects.create(name=slug, slug=slug, title=slug, ask_phone=False, ask_email=True)
        box = page.consents.create(channel="email", words="Write to me")
        said = landing.Said(Who(email=email), Profile())
        for _twice in range(2):
            landing.join(page, said, [box.pk], Evidence("page"), life.now)
    life.go(minutes=1)
    yes, no = life.named("yes@example.com"), life.named("no@example.com")
    assert (life.sent(yes), life.segments(yes)) == (["email"], {"fans"})
    life.got_nothing(no, "does not fit what the trigger asks of the event")
    assert life.segments(no) == set()


def _confirm(life: Life, who: Client) -> None:
    """The client follows the newest link to confirm, and presses the button there, twice."""
    token = life.said(who).split("/c/")[1].split()[0].strip("/")
    for _ in range(2):
        opt_in.confirm(token, Evidence("confirmed"), life.now)


@lives("T04")
def confirm(life: Life) -> None:
    names = ("prompt", "late", "silent")
    other = life.client()
    life.scenario  # noqa: B018
    page = LandingPage.objects.create(name="P", slug="p", title="P", ask_phone=False, ask_email=True, confirm=True)
    box = page.consents.create(channel="email", words="Write to me")
    for name in names:
        said = landing.Said(Who(email=f"{name}@example.com"), Profile())
        landing.join(page, said, [box.pk], Evidence("page"), life.now)
    prompt, late, silent = (life.named(f"{name}@example.com") for name in names)
    life.go(hours=1)
    _confirm(life, prompt)
    life.go(hours=3)
    _confirm(life, late)
    life.go(hours=30)
    assert [life.sent(who) for who in (prompt, late, silent)] == [["email"] * n for n in (1, 2, 2)]
    assert [life.given(who) for who in (prompt, late, silent)] == [100, 100, 0]
    life.got_nothing(other, "Nothing happened to the client")


@lives("T05")
def first_purchase(life: Life) -> None:
    life.goods(TEA)
    yes, no, buyer = (_registered(life, f"{name}@example.com") for name in ("yes", "no", "buyer"))
    life.go(days=1)
    life.buy(no)
    life.go(days=2, minutes=1)
    assert life.sent(yes) == ["email"]
    life.buy(buyer)
    life.go(days=4, minutes=1)
    assert life.sent(yes) == ["email", "email"]
    assert (life.codes(yes), life.given(yes)) == (1, 200)
    assert (life.sent(buyer), life.codes(buyer)) == (["email"], 0)
    life.got_nothing(no, "Order paid")


@lives("T06")
def series(life: Life) -> None:
    yes, spender = _registered(life, "yes@example.com"), _registered(life, "spender@example.com")
    no = _registered(life, "no@example.com", consents={})
    life.go(hours=1)
    life.earn(spender, 100)
    life.spend(spender, 50)
    life.go(days=12)
    assert life.sent(yes) == ["email"] * 4
    assert life.sent(spender) == ["email"] * 3
    life.got_nothing(no)
    assert set(life.withheld(no)) == {"no_consent"}


@lives("T07")
def warming_up(life: Life) -> None:
    yes, no = life.pair()
    life.scenario  # noqa: B018
    life.put("fans", yes)
    life.go(minutes=1)
    life.let_in(yes)
    life.go(minutes=1)
    assert life.sent(yes) == ["email"]
    life.got_nothing(no, "Nothing happened to the client")


@lives("T08")
def questionnaire(life: Life) -> None:
    yes, silent = _registered(life, "yes@example.com"), _registered(life, "silent@example.com")
    no = _registered(life, "no@example.com", birthday="1990-05-05")
    life.go(days=3, minutes=1)
    assert (life.sent(yes), life.given(yes)) == (["email"], 0)
    for _ in range(2):
        asked = profile_forms.asked_by(life.said(yes).split("/profile/")[1].split("/")[0], life.now)
        profile_forms.fill(asked, {"birthday": "1985-02-28"}, life.now)
    life.go(days=8)
    assert (life.sent(yes), life.given(yes)) == (["email", "email"], 100)
    assert (life.sent(silent), life.given(silent)) == (["email", "email"], 0)
    life.got_nothing(no, "not everything is filled in")


@lives("T09")
def second_purchase(life: Life) -> None:
    life.goods(TEA, CUP)
    yes, no = life.pair()
    life.buy(no)
    life.past()
    life.buy(yes)
    life.buy(no)
    life.go(days=5, minutes=1)
    assert (life.sent(yes), life.given(yes)) == (["email"], 300)
    life.go(days=8, minutes=1)
    assert life.sent(yes) == ["email", "email"]
    life.go(days=60)
    assert life.sent(yes) == ["email", "email"]
    life.got_nothing(no, "number of orders: at most 1")
