"""Friends: who counts, when both are rewarded, when it is taken back (semantics §41)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from loyalty.intake.facts import OrderFact, Phone, Profile, Who
from loyalty.models import BonusOperation, Client, Event, Referral, ReferralRules
from loyalty.services import ledger, merge, referrals
from loyalty.services.events import record
from loyalty.services.referral_codes import code_of
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WINDOW = 14 * DAY


@pytest.fixture
def rules():
    return ReferralRules.objects.create(pk=1, active=True, referrer_amount=500, referee_amount=300, lifetime_days=30)


def _code(person, rules):
    return code_of(person.pk, rules.key)


def _register(shop, code, at=NOW, number="+79990000001", email="boris@example.com", **values):
    """A friend registers at the shop with a code; returns the client."""
    who = Who(external_id=values.pop("external_id", "B-1"), phone=Phone(number, number, "valid"), email=email)
    fact = b.happened(
        shop,
        "customer.registered",
        at,
        who,
        payload={"referral_code": code},
        profile=Profile(registered_at=at),
        **values,
    )
    return Client.objects.get(pk=record(shop, [fact], at)[0].client_id)


def _order(shop, person, at, status="paid", total=10_000, refunded=0, number="o1", told=None):
    name = {"paid": "order.paid", "cancelled": "order.cancelled"}.get(status, "order.refunded")
    who = Who(phone=Phone(person.phone, person.phone, "valid"))
    order = OrderFact(number, at, status=status, currency="RUB", total=told or total, refunded=refunded, ordered_at=at)
    record(shop, [b.happened(shop, name, at, who, order=order, payload={"order_id": number})], at)


def _run(now):
    while referrals.reward_due(now):
        pass


def _balances(*people, now=NOW):
    return [ledger.balance(person.pk, now).available for person in people]


def test_both_are_rewarded_after_the_first_paid_order_and_its_window_once(rules):
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    referral = Referral.objects.get()
    assert (referral.referrer, referral.referee, referral.state) == (anna, boris, "registered")
    roles = Event.objects.filter(name="referral.registered").values_list("client", "payload__role")
    assert set(roles) == {(anna.pk, "referrer"), (boris.pk, "referee")}

    _run(NOW + 5 * DAY)
    assert _balances(anna, boris) == [0, 0]
    _order(shop, boris, NOW + 6 * DAY)
    _run(NOW + 6 * DAY + WINDOW - timedelta(seconds=1))
    assert _balances(anna, boris) == [0, 0]
    due = NOW + 6 * DAY + WINDOW
    _run(due)
    _order(shop, boris, NOW + 7 * DAY, number="o2")
    _run(due + DAY)
    assert _balances(anna, boris, now=due) == [500, 300]
    referral.refresh_from_db()
    assert (referral.state, referral.resolved_at) == ("rewarded", due)
    assert Event.objects.filter(name="referral.rewarded").count() == 2
    lot = BonusOperation.objects.get(pk=referral.referrer_operation_id).bonuslot_set.get()
    assert lot.expires_at > due + 30 * DAY


def test_rewarded_at_registration_where_the_rules_say_so(rules):
    ReferralRules.objects.update(when="registration")
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    _run(NOW)
    _run(NOW)
    assert _balances(anna, boris) == [500, 300]


def test_a_repeated_registration_and_a_second_code_change_nothing(rules):
    shop, anna, vera = b.source(), b.client(), b.client()
    _register(shop, _code(anna, rules))
    _register(shop, _code(vera, rules))
    assert Referral.objects.get().referrer == anna
    assert Event.objects.filter(name="referral.registered").count() == 2


def test_nobody_brings_themselves(rules):
    shop, anna = b.source(), b.client(phone="+79990000001")
    b.identify(shop, anna)
    assert _register(shop, _code(anna, rules), email=anna.email, external_id="") == anna
    referral = Referral.objects.get()
    assert (referral.state, referral.reason) == ("refused", "self")
    _order(shop, anna, NOW)
    _run(NOW + 90 * DAY)
    assert _balances(anna, now=NOW + 90 * DAY) == [0]
    assert not Event.objects.filter(name__startswith="referral.").exists()


@pytest.mark.parametrize(
    ("phone", "email", "reason"),
    [
        ("+79990000007", "other@example.com", "same_phone"),
        ("+79990000009", "Anna+two@Example.com", "same_email"),
    ],
)
def test_a_second_account_of_the_same_person_is_refused(rules, phone, email, reason):
    shop, anna = b.source(), b.client(phone="+79990000007", email="anna@example.com")
    # Two customers of a shop may share a phone: the customer's id keeps them apart.
    b.identify(shop, anna)
    anna.identities.create(kind="external", scope=shop.slug, value="A-1")
    friend = _register(shop, _code(anna, rules), number=phone, email=email)
    assert friend != anna
    assert Referral.objects.get().reason == reason


def test_an_old_client_is_nobodys_friend(rules):
    shop, anna, old = b.source(), b.client(), b.client(phone="+79990000001", registered_at=NOW - 30 * DAY)
    b.identify(shop, old)
    _register(shop, _code(anna, rules), email=old.email, external_id="")
    assert Referral.objects.get().reason == "known"


def test_two_do_not_bring_each_other(rules):
    shop, anna = b.source(), b.client(registered_at=NOW)
    boris = _register(shop, _code(anna, rules))
    assert referrals.register(anna.pk, _code(boris, rules), NOW, NOW).reason == "circle"


@pytest.mark.parametrize("code", ["", "NOSUCHCODE", "x" * 500, None, 7, {"a": 1}])
def test_a_code_that_is_nobodys_stops_no_registration(rules, code):
    assert _register(b.source(), code)
    assert not Referral.objects.exists()


def test_switched_off_rules_count_nobody(rules):
    ReferralRules.objects.update(active=False)
    _register(b.source(), _code(b.client(), rules))
    assert not Referral.objects.exists()


def test_a_code_may_be_a_trait_of_the_client(rules):
    shop, anna = b.source(), b.client()
    who = Who(external_id="B-7")
    profile = Profile(attributes={"referral_code": _code(anna, rules).lower()})
    record(shop, [b.happened(shop, "client.identified", NOW, who, profile=profile)], NOW)
    assert Referral.objects.get().referrer == anna


def test_an_order_that_is_returned_in_its_window_earns_nothing_and_the_next_one_does(rules):
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    _order(shop, boris, NOW + DAY)
    _run(NOW + 2 * DAY)
    _order(shop, boris, NOW + 3 * DAY, status="refunded", refunded=10_000, told=10_000)
    _run(NOW + DAY + WINDOW)
    assert _balances(anna, boris, now=NOW + 40 * DAY) == [0, 0]
    assert Referral.objects.get().state == "registered"
    _order(shop, boris, NOW + 20 * DAY, number="o2")
    _run(NOW + 20 * DAY + WINDOW)
    assert _balances(anna, boris, now=NOW + 20 * DAY + WINDOW) == [500, 300]


def test_a_small_order_does_not_count(rules):
    ReferralRules.objects.update(min_order=10_001)
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    _order(shop, boris, NOW + DAY)
    _run(NOW + 60 * DAY)
    assert Referral.objects.get().state == "registered"


@pytest.mark.parametrize(("status", "refunded"), [("cancelled", 0), ("refunded", 10_000)])
def test_what_comes_back_later_is_taken_back_from_both_once(rules, status, refunded):
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    _order(shop, boris, NOW)
    _run(NOW + WINDOW)
    later = NOW + WINDOW + DAY
    _order(shop, boris, later, status=status, refunded=refunded, told=10_000)
    _run(later)
    _run(later)
    assert _balances(anna, boris, now=later) == [0, 0]
    referral = Referral.objects.get()
    assert (referral.state, referral.reason) == ("reversed", "returned")
    assert BonusOperation.objects.filter(kind="clawback").count() == 2


def test_a_part_that_comes_back_changes_nothing(rules):
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    _order(shop, boris, NOW)
    _run(NOW + WINDOW)
    _order(shop, boris, NOW + 20 * DAY, status="part_refunded", refunded=100, told=10_000)
    _run(NOW + 20 * DAY)
    assert _balances(anna, boris, now=NOW + 20 * DAY) == [500, 300]


def test_beyond_the_cap_only_the_friend_is_rewarded(rules):
    ReferralRules.objects.update(cap=2, when="registration")
    shop, anna = b.source(), b.client()
    friends = [
        _register(
            shop,
            _code(anna, rules),
            NOW + timedelta(minutes=number),
            f"+7999000010{number}",
            f"f{number}@example.com",
            external_id=f"B-{number}",
        )
        for number in range(3)
    ]
    _run(NOW + DAY)
    assert _balances(anna, *friends, now=NOW + DAY) == [1000, 300, 300, 300]
    assert Referral.objects.filter(reason="cap").get().referee == friends[2]


def test_who_does_not_buy_in_time_is_nobodys_friend_any_more(rules):
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    _run(NOW + 181 * DAY)
    _order(shop, boris, NOW + 182 * DAY)
    _run(NOW + 300 * DAY)
    assert Referral.objects.get().state == "expired"
    assert _balances(anna, boris, now=NOW + 300 * DAY) == [0, 0]


def test_a_friend_who_turns_out_to_be_the_inviter_is_refused(rules):
    shop, anna = b.source(), b.client()
    boris = _register(shop, _code(anna, rules))
    merge.merge(boris.pk, anna.pk, NOW)
    assert Referral.objects.get().reason == "self"


def test_a_link_of_a_merged_client_leads_to_who_they_are_now(rules):
    guest, anna = b.client(), b.client()
    merge.merge(guest.pk, anna.pk, NOW)
    assert referrals.referrer(_code(guest, rules), rules) == anna


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_reward_once_and_keep_the_cap(rules):
    ReferralRules.objects.update(cap=30, when="registration")
    anna = b.client()
    for number, friend in enumerate(b.clients(60)):
        referrals.register(friend.pk, _code(anna, rules), NOW + timedelta(seconds=number), NOW)

    def work(_number):
        try:
            while referrals.reward_due(NOW, limit=7):
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    work(0)
    assert _balances(anna) == [30 * 500]
    assert Referral.objects.filter(state="rewarded").count() == 60
    assert Referral.objects.filter(reason="cap").count() == 30
