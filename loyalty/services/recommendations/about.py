"""What events say that recommendations can start from."""

from collections.abc import Iterable

from django.db import connection

from loyalty.services.recommendations.recommend import About


def of_events(event_ids: Iterable[int]) -> dict[int, About]:
    """By event: the products and lines that it names, its category, its search. One query; events that name nothing
    known are absent."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT e.id,
                      array(SELECT p.id FROM loyalty_product p WHERE p.source_id = e.source_id AND p.external_id = ANY(
                              SELECT e.payload ->> 'product_id'
                              UNION ALL
                              SELECT line ->> 'product_id' FROM jsonb_array_elements(
                                CASE jsonb_typeof(e.payload -> 'lines') WHEN 'array' THEN e.payload -> 'lines'
                                  ELSE '[]' END) AS line) ORDER BY p.id LIMIT 50),
                      array(SELECT c.id FROM loyalty_category c WHERE c.source_id = e.source_id
                              AND c.external_id IN (e.payload ->> 'category_id', e.payload ->> 'category')),
                      coalesce(e.payload ->> 'query', '')
               FROM loyalty_event e WHERE e.id = ANY(%s)""",
            [list(event_ids)],
        )
        found = {
            event: About(tuple(products), tuple(categories), query)
            for event, products, categories, query in cursor.fetchall()
        }
    return {event: about for event, about in found.items() if about != About()}
