"""Another installation: nothing of what was built is there."""

from django.db import connection

TABLES = """scenarios_scenario, scenarios_webhookendpoint, segments_segment, loyalty_promopool, loyalty_survey,
            loyalty_profileform"""


def emptied() -> None:
    """Forgets every scenario and whatever scenarios name; within the test's own transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"TRUNCATE {TABLES} CASCADE")
