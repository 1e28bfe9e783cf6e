"""The base that whole-base benchmarks work on is what it says, and the tables keep their guards."""

import pytest
from django.db import connection
from django.db.models import Count

from benchmarks import base
from loyalty.models import Client, Order, OrderLine
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def guards():
    """Names of all constraints and indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace
               UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"""
        )
        return {name for (name,) in cursor.fetchall()}


def test_there_are_ten_orders_of_one_line_for_every_client():
    before = guards()

    made = base.make(70, NOW)

    assert made.last - made.first + 1 == Client.objects.count() == 70
    assert Order.objects.count() == OrderLine.objects.count() == 700
    assert OrderLine.objects.filter(product__category=None).count() == 0
    assert guards() == before


def test_some_never_bought_and_some_bought_often():
    base.make(70, NOW)

    counts = dict(Order.objects.values_list("client").annotate(Count("pk")))
    assert 0 < len(counts) <= 60
    assert max(counts.values()) > 15
    assert set(Order.objects.values_list("status", flat=True)) == {"paid", "cancelled", "refunded"}
