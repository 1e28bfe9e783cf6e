"""Conditions on bonuses, levels, promo codes, referrals, events and messages (semantics §44)."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import ClientLevel, Order, PromoCode, Referral
from loyalty.services import ledger, promo
from messaging.models import Message
from segments.conditions import (
    BalanceCondition,
    EngagementCondition,
    EventCountCondition,
    ExpiringBonusesCondition,
    LevelCondition,
    PromoCodeCondition,
    ReferralCondition,
)
from tests import builders as b
from tests.builders import NOW
from tests.segments.conditions.asking import DAY, TICK, holds, seen

pytestmark = pytest.mark.django_db


_numbers = count(1)


def grant(person, amount, *, active=NOW - DAY, expires=None):
    """A lot of bonuses."""
    ledger.accrue("test", ledger.Grant(person.pk, amount, f"g{next(_numbers)}", active, expires), NOW - DAY)


class TestBalance:
    def _at_least(self, amount):
        return BalanceCondition(bound="at_least", amount=Decimal(amount))

    def test_only_what_is_usable_now_counts(self):
        active, pending, burnt, burning = (b.client() for _ in range(4))
        grant(active, 100, active=NOW)
        grant(pending, 100, active=NOW + TICK)
        grant(burnt, 100, expires=NOW)
        grant(burning, 100, expires=NOW + TICK)
        assert holds(self._at_least(100), active, pending, burnt, burning) == [True, False, False, True]
        assert holds(self._at_least(101), active) == [False]

    def test_holds_reserve_until_their_deadline(self):
        person = b.client()
        grant(person, 100)
        ledger.hold("test", person.pk, 60, "h", NOW + DAY, NOW - DAY)
        assert seen(self._at_least(1), person) == "available: 40"
        assert holds(self._at_least(41), person) == [False]
        assert holds(self._at_least(100), person, now=NOW + DAY) == [True]

    def test_nobody_has_nought(self):
        assert holds(BalanceCondition(bound="at_most", amount=Decimal(0)), b.client()) == [True]

    def test_amounts_are_whole_bonuses_whatever_the_scale(self):
        b.programme(bonus_scale=2)
        person = b.client()
        grant(person, 150)
        between = BalanceCondition(bound="between", amount=Decimal("1.50"), amount_to=Decimal("1.50"))
        assert holds(between, person) == [True]
        assert seen(between, person) == "available: 1.5"

    def test_it_is_what_the_ledger_says(self):
        person = b.client()
        grant(person, 70, expires=NOW + DAY)
        grant(person, 30, active=NOW + DAY)
        ledger.spend("test", person.pk, 20, "s", NOW - DAY / 2)
        available = ledger.balance(person.pk, NOW).available
        exactly = BalanceCondition(bound="between", amount=Decimal(available), amount_to=Decimal(available))
        assert holds(exactly, person) == [True]


class TestExpiringBonuses:
    def test_the_last_moment_counts_and_what_is_burnt_does_not(self):
        people = [b.client() for _ in range(4)]
        for person, expires in zip(people, (NOW, NOW + 7 * DAY, NOW + 7 * DAY + TICK, None), strict=True):
            grant(person, 50, expires=expires)
        week = ExpiringBonusesCondition(amount=Decimal(50), days=7)
        assert holds(week, *people) == [False, True, False, False]
        assert holds(ExpiringBonusesCondition(amount=Decimal(51), days=7), *people) == [False] * 4
        assert week.sentence() == "at least 50 bonuses burn within 7 days"


class TestLevel:
    def test_levels_are_ordered_by_threshold(self):
        base, silver, gold = b.level("Base", 0), b.level("Silver", 100), b.level("Gold", 200)
        unmeasured, low, high, none = (b.client() for _ in range(4))
        for person, level in ((low, silver), (high, gold), (none, None)):
            ClientLevel.objects.create(client=person, level=level, since=NOW)
        people = (unmeasured, low, high, none)
        assert holds(LevelCondition(level=base), *people) == [True, False, False, False]
        assert holds(LevelCondition(level=silver, bound="at_least"), *people) == [False, True, True, False]
        assert holds(LevelCondition(level=silver, bound="at_most"), *people) == [True, True, False, True]
        assert [seen(LevelCondition(level=gold), person) for person in (unmeasured, none)] == [
            "is on «Base»",
            "is on no level",
        ]

    def test_without_a_level_from_0_nobody_begins_on_one(self):
        silver = b.level("Silver", 100)
        assert holds(LevelCondition(level=silver, bound="at_most"), b.client()) == [True]
        assert holds(LevelCondition(level=silver), b.client()) == [False]


class TestPromoCode:
    def _issued(self, **pool):
        made = b.promo_pool(3, **pool)
        person = b.client()
        code = promo.issue_many(made.pk, [(person.pk, "k")], NOW - DAY)["k"]
        return made, person, code

    def test_a_code_is_there_until_it_is_used(self):
        pool, person, code = self._issued()
        has, used = PromoCodeCondition(pool=pool), PromoCodeCondition(pool=pool, state="used", days=1)
        assert (holds(has, person), holds(used, person)) == ([True], [False])
        promo.redeem(code, person.pk, "o1", "r1", NOW - DAY)
        assert (holds(has, person), holds(used, person)) == ([False], [True])
        assert holds(used, person, now=NOW + TICK) == [False]
        assert holds(PromoCodeCondition(pool=b.promo_pool(), state="used"), person) == [False]
        assert holds(PromoCodeCondition(state="used"), person) == [True]

    def test_codes_end(self):
        pool, person, _ = self._issued(ends_at=NOW + 2 * DAY)
        soon = PromoCodeCondition(pool=pool, state="expiring", days=2)
        assert holds(soon, person) == [True]
        assert holds(soon, person, now=NOW - TICK) == [False]
        assert holds(PromoCodeCondition(pool=pool), person, now=NOW + 2 * DAY) == [False]

    @pytest.mark.parametrize("spoil", ["block", "switch off", "not begun"])
    def test_a_code_that_would_be_refused_is_none(self, spoil):
        pool, person, _ = self._issued()
        if spoil == "block":
            PromoCode.objects.update(blocked=True)
        elif spoil == "switch off":
            type(pool).objects.update(active=False)
        else:
            type(pool).objects.update(starts_at=NOW + TICK)
        assert holds(PromoCodeCondition(), person) == [False]
        assert holds(PromoCodeCondition(negated=True), person) == [True]

    def test_soon_has_to_be_said(self):
        with pytest.raises(ValidationError) as error:
            PromoCodeCondition(state="expiring").clean()
        assert list(error.value.message_dict) == ["days"]


class TestReferral:
    def test_friends_count_for_who_brought_them(self):
        referrer, buyer, idle, refused = (b.client() for _ in range(4))
        for friend, state in ((buyer, "registered"), (idle, "registered"), (refused, "refused")):
            Referral.objects.create(referrer=referrer, referee=friend, code="x", state=state, registered_at=NOW)
        Order.objects.create(
            source=b.source(), external_id="o", client=buyer, status="paid", currency="RUB", total=1, ordered_at=NOW,
            changed_at=NOW,
        )  # fmt: skip
        people = (referrer, buyer, idle, refused)
        assert holds(ReferralCondition(role="referee"), *people) == [False, True, True, False]
        assert holds(ReferralCondition(role="referee", negated=True), *people) == [True, False, False, True]
        assert holds(ReferralCondition(role="referrer", count=2), *people) == [True, False, False, False]
        assert holds(ReferralCondition(role="referrer", count=3), referrer) == [False]
        assert holds(ReferralCondition(role="buyers", count=1), referrer) == [True]
        assert holds(ReferralCondition(role="buyers", count=2), referrer) == [False]
        assert seen(ReferralCondition(role="buyers"), referrer) == "1 friend"


class TestEventProperties:
    def _holds(self, path, operator, value, *payloads):
        shop, people = b.source(), []
        for payload in payloads:
            people.append(b.client())
            b.record_event(shop, "order.created", people[-1], payload=payload)
        condition = EventCountCondition(event_name="order.created", path=path, operator=operator, value=value)
        return holds(condition, *people)

    def test_money_is_a_number_though_it_is_text(self):
        payloads = ({"total": "1000.00"}, {"total": 999}, {"total": "much"}, {"total": True}, {})
        assert self._holds("total", "at_least", "1000", *payloads) == [True, False, False, False, False]
        assert self._holds("total", "equals", "1000", *payloads) == [True, False, False, False, False]

    def test_one_line_that_fits_is_enough(self):
        payloads = ({"lines": [{"brand": "Dale"}, {"brand": "HILL"}]}, {"lines": [{"brand": "Dale"}]}, {"lines": "x"})
        assert self._holds("lines.brand", "equals", "hill", *payloads) == [True, False, False]
        assert self._holds("lines.brand", "differs", "hill", *payloads) == [False, True, True]
        assert self._holds("lines.brand", "contains", "al", *payloads) == [True, True, False]

    def test_filled_and_empty(self):
        payloads = ({"coupons": ["A"]}, {"coupons": []}, {"coupons": None}, {})
        assert self._holds("coupons", "filled", "", *payloads) == [True, False, False, False]
        assert self._holds("coupons", "empty", "", *payloads) == [False, True, True, True]
        assert self._holds("coupons", "includes", "a", *payloads) == [True, False, False, False]

    def test_names_are_no_path_language(self):
        payloads = ({'a"b': "x"}, {"*": "y"}, {"$": "z"})
        assert self._holds('a"b', "filled", "", *payloads) == [True, False, False]
        assert self._holds("*", "filled", "", *payloads) == [False, True, False]

    def test_it_says_itself(self):
        condition = EventCountCondition(event_name="order.created", path="total", operator="greater", value="1000")
        assert condition.sentence() == "«Order placed» (total is greater than «1000») at least 1 time"
        never = EventCountCondition(event_name="order.created", bound="at_most", count=0, days=1)
        assert never.sentence() == "«Order placed» never in the last 1 day"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"path": "a..b", "value": "x"}, "path"),
            ({"path": "a", "operator": "greater", "value": "x"}, "value"),
            ({"path": "a"}, "value"),
        ],
    )
    def test_a_wrong_one_is_refused_by_field(self, values, field):
        with pytest.raises(ValidationError) as error:
            EventCountCondition(event_name="order.created", **values).clean()
        assert list(error.value.message_dict) == [field]


class TestEngagement:
    def test_deeds_and_channels_are_apart(self):
        by_email, by_sms, long_ago = (b.client() for _ in range(3))
        shop = b.source()
        for person, channel, at in (
            (by_email, "email", NOW - DAY),
            (by_sms, "sms", NOW),
            (long_ago, "email", NOW - 30 * DAY - TICK),
        ):
            b.record_event(shop, "message.opened", person, at, payload={"channel": channel})
        people = (by_email, by_sms, long_ago)
        assert holds(EngagementCondition(deed="opened", days=30), *people) == [True, True, False]
        assert holds(EngagementCondition(deed="opened", channel="email"), *people) == [True, False, True]
        assert holds(EngagementCondition(deed="clicked", bound="at_most", count=0), *people) == [True, True, True]
        for who, channel, values in (
            (people[0], "email", {}),
            (people[1], "sms", {}),
            (people[2], "email", {"test": True}),
            (people[2], "email", {"recipient": "staff"}),
        ):
            at = NOW - timedelta(days=3)
            Message.objects.create(
                client=who, channel=channel, topic="marketing", status="accepted", key=f"{who.pk}{channel}{values}",
                created_at=at, due_at=at, sent_at=at, **values,
            )  # fmt: skip
        assert holds(EngagementCondition(deed="sent", days=3), *people) == [True, True, False]
        assert holds(EngagementCondition(deed="sent", channel="email"), *people) == [True, False, False]
        assert holds(EngagementCondition(deed="sent", count=0, bound="at_most", days=2), *people) == [True] * 3
        words = EngagementCondition(deed="opened", channel="sms", days=timedelta(days=30).days).sentence()
        assert words == "message opened by SMS at least 1 time in the last 30 days"
