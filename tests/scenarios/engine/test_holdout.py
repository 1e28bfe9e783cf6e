"""Control groups: stable shares of clients who walk as ghosts (semantics §17)."""

from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from loyalty.models import BonusOperation, PromoCode
from messaging.models import Message
from messaging.services import outbox
from scenarios.engine import holdout
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, ScenarioRun
from segments.models import Membership
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _enter(draft, people):
    b.live(draft)
    shop = b.source()
    for person in people:
        b.record_event(shop, "order.created", person)
    read_events(NOW)
    advance_due(NOW)
    while outbox.send_due(NOW):
        pass


def test_a_ghost_walks_the_way_and_gets_nothing():
    draft, fans, pool = b.scenario(), b.segment(), b.promo_pool(codes=60)
    trunk = b.trunk(draft)
    b.issue_promo(trunk, pool)
    b.email(trunk, body="Your code: {{ promo.code }}")
    b.accrue(trunk)
    b.join(trunk, fans)
    draft.holdout_share = 50
    draft.save()
    people = b.clients(60)

    _enter(draft, people)

    ghosts = set(ScenarioRun.objects.filter(holdout="scenario").values_list("client_id", flat=True))
    others = {person.pk for person in people} - ghosts
    assert 10 < len(ghosts) < 50
    assert set(ScenarioRun.objects.values_list("state", flat=True)) == {"completed"}
    assert set(Message.objects.filter(status="accepted").values_list("client_id", flat=True)) == others
    withheld = Message.objects.filter(status="withheld", reason="holdout_scenario")
    assert set(withheld.values_list("client_id", flat=True)) == ghosts
    for facts in (
        Membership.objects,
        BonusOperation.objects.filter(kind="accrue"),
        PromoCode.objects.exclude(client=None),
    ):
        assert set(facts.values_list("client_id", flat=True)) == others
    assert RunLog.objects.filter(kind="entered", reason="holdout_scenario").count() == len(ghosts)
    assert ghosts == {p.pk for p in people if holdout.group(p.pk, draft.salt, 50, 0) == "scenario"}


def test_the_control_group_outranks_consent_and_the_programme_outranks_the_scenario():
    draft = b.scenario(holdout_share=50)
    b.email(b.trunk(draft))
    b.programme(holdout_share=50)
    people = b.clients(40, consent=False)

    _enter(draft, people)

    reasons = dict(Message.objects.values_list("client_id", "reason"))
    for person in people:
        group = holdout.group(person.pk, draft.salt, 50, 50)
        assert reasons[person.pk] == (f"holdout_{group}" if group else "no_consent")


def test_who_is_held_out_stays_so_when_the_share_grows():
    draft = b.scenario()
    small = {client for client in range(5000) if holdout.group(client, draft.salt, 5, 0)}
    large = {client for client in range(5000) if holdout.group(client, draft.salt, 20, 0)}

    assert small < large
    assert 150 < len(small) < 350
    assert 850 < len(large) < 1150


@given(client=st.integers(1, 2**62), salt=st.text("abc123", max_size=9), share=st.integers(0, 5000))
def test_python_and_sql_choose_the_same(client, salt, share):
    percent = Decimal(share) / 100
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {holdout.group_sql('c', 'salt', share, 300)} FROM (SELECT %(client)s::bigint AS c) AS x",
            {"client": client, "salt": salt},
        )
        assert cursor.fetchone()[0] == holdout.group(client, salt, percent, 3)


def test_a_release_keeps_its_share():
    draft = b.scenario(holdout_share=Decimal("12.5"))
    b.email(b.trunk(draft))
    b.live(draft)

    assert Decimal(draft.live_release.snapshot["settings"]["holdout_share"]) == Decimal("12.5")
