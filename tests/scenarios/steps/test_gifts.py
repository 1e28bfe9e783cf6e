"""Gifts, access to services, referral links and moves between segments."""

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import AccessGrant, Event, ReferralRules
from loyalty.services import access
from loyalty.services.referral_codes import code_of
from messaging.models import Link, Message
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import (
    GiveGift,
    GiveReferralLink,
    GrantAccess,
    MoveToSegment,
    RevokeAccess,
    RunLog,
)
from segments.models import Membership
from segments.services import membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def test_texts_below_say_the_code_of_an_access_and_until_when(walk, again):
    anna, draft = b.client(), b.scenario()
    b.add(GrantAccess, b.trunk(draft), name="Club", days=7)
    walk(draft, anna)
    grant = AccessGrant.objects.get()
    assert (grant.client, grant.kind, grant.name) == (anna, "access", "Club")
    assert access.holds(grant.code, NOW) == grant
    assert access.holds(grant.code, grant.ends_at) is None
    again()
    assert AccessGrant.objects.count() == 1


@pytest.mark.parametrize(
    ("cls", "name", "link"),
    [
        (GrantAccess, "access", "https://club.example/in"),
        (GiveGift, "gift", ""),
        (GiveGift, "gift", "https://g.example/"),
    ],
)
def test_the_variables_of_a_gift_or_an_access(walk, cls, name, link):
    anna, draft = b.client(), b.scenario()
    b.add(cls, b.trunk(draft), name="Cup", days=7, link=link)
    b.sms(
        b.trunk(draft), body=f"{{{{ {name}.name }}}}|{{{{ {name}.code }}}}|{{{{ {name}.url }}}}|{{{{ {name}.until }}}}"
    )
    walk(draft, anna)
    grant = AccessGrant.objects.get(kind=name)
    name, code, url, until = Message.objects.get().body.split("|")
    assert (name, code, until) == ("Cup", grant.code, "2026-03-17")
    # What the client holds is counted on its way to the link.
    assert [found.url for found in Link.objects.all()] == ([link] if link else [])
    assert bool(url) is bool(link)
    assert bool(grant.code) is not bool(link)


def test_revoking_ends_what_has_this_name_and_the_log_says_when_there_was_nothing(walk, again):
    anna, boris, draft = b.client(), b.client(), b.scenario()
    held = access.grant("test", access.Access(anna.pk, "Club", "k1"), NOW)
    other = access.grant("test", access.Access(anna.pk, "Lounge", "k2"), NOW)
    b.add(RevokeAccess, b.trunk(draft), name="Club")
    walk(draft, anna, boris)
    assert access.holds(held.code, NOW) is None
    assert access.holds(other.code, NOW) == other
    assert RunLog.objects.get(client=boris, kind="step").reason == "no_access"
    assert Event.objects.get(name="access.ended").client == anna


def test_a_referral_link_is_given_in_the_texts_below(walk):
    rules = ReferralRules.objects.create(pk=1, active=True, referrer_amount=1)
    anna, draft = b.client(), b.scenario()
    b.add(GiveReferralLink, b.trunk(draft))
    b.sms(b.trunk(draft), body="{{ referral.code }} {{ referral.url }}")
    walk(draft, anna)
    code = code_of(anna.pk, rules.key)
    assert Message.objects.get().body == f"{code} http://testserver/ref/{code}/"
    assert RunLog.objects.get(step_type="GiveReferralLink").detail == code


def test_while_referrals_are_off_no_link_can_be_published_or_given(walk):
    ReferralRules.objects.create(pk=1, active=True, referrer_amount=1)
    anna, draft = b.client(), b.scenario()
    step = b.add(GiveReferralLink, b.trunk(draft))
    assert step.problems() == []
    b.live(draft)
    ReferralRules.objects.update(active=False)
    assert "switched off" in step.problems()[0]
    b.record_event(b.source(), "order.created", anna)
    _pump()
    assert RunLog.objects.get(kind="step").reason == "referral_off"


def _pump():
    read_events(NOW)
    advance_due(NOW)


@pytest.mark.parametrize(("who", "others"), [("anyone", ["target"]), ("members", [])])
def test_a_move_leaves_one_segment_and_joins_the_other(walk, again, who, others):
    member, other = b.client(), b.client()
    source, target = b.segment(), b.segment()
    membership.add(source.pk, {member.pk: 0}, NOW)
    draft = b.scenario()
    b.add(MoveToSegment, b.trunk(draft), source=source, target=target, who=who)
    walk(draft, member, other)
    assert list(Membership.objects.filter(client=member).values_list("segment", flat=True)) == [target.pk]
    found = Membership.objects.filter(client=other).values_list("segment", flat=True)
    assert list(found) == ([target.pk] if others else [])


def test_a_move_needs_two_segments():
    one = b.segment()
    with pytest.raises(ValidationError) as wrong:
        MoveToSegment(source=one, target=one).clean()
    assert "target" in wrong.value.message_dict
