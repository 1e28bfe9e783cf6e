"""What a rule would select, before anything is saved (semantics §43)."""

import pytest
from django.db import connection

from segments.models import AttributeCondition, Condition, EventCountCondition
from segments.services import preview
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def anna():
    return AttributeCondition(attribute="first_name", operator="equals", value="Anna")


def test_the_count_is_exact_where_it_is_quick_with_the_ten_newest_clients():
    b.clients(20)
    annas = [b.client() for _ in range(12)]
    seen = preview.preview(b.conditions(anna()), NOW)
    assert (seen.count, seen.exact) == (12, True)
    assert seen.sample == annas[:1:-1]
    assert not Condition.objects.exists()


def test_where_it_takes_too_long_it_is_an_estimate_marked_so_and_exact_afterwards():
    b.clients(3000, consent=False)
    some = b.clients(1000, consent=False)
    type(some[0]).objects.filter(pk__in=[person.pk for person in some]).update(first_name="Anna")
    rule = b.conditions(anna())
    with connection.cursor() as cursor:  # so slow that a millisecond does not suffice
        cursor.execute("ALTER TABLE loyalty_client RENAME TO slow_client")
        cursor.execute(
            "CREATE VIEW loyalty_client AS SELECT * FROM slow_client WHERE id > 0 OR pg_sleep(0.001)::text <> ''"
        )
    seen = preview.preview(rule, NOW, patience_ms=1)
    assert not seen.exact
    assert 700 < seen.count < 1300
    assert len(seen.sample) == 10
    assert {person.first_name for person in seen.sample} == {"Anna"}
    assert preview.count(rule, NOW) == 1000


def test_patience_ends_with_the_preview():
    preview.preview(b.conditions(anna()), NOW, patience_ms=100)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_an_empty_base_is_estimated_as_nobody():
    assert preview._estimate(b.conditions(anna()), NOW) == (0, [])


def test_why_a_client_is_in_or_not_says_what_each_condition_saw():
    person = b.client()
    rule = b.conditions(anna(), EventCountCondition(event_name="order.created"))
    why = preview.why(rule, person.pk, NOW)
    assert not why.holds
    assert [(part.holds, part.seen) for part in why.parts] == [(True, "is «Anna»"), (False, "happened 0 times")]
