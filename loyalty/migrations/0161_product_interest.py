from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0142_product_facts'),
    ]

    operations = [
        # Who looked at a product, or put it in the cart: news of a product is spread to them by these indexes alone.
        migrations.RunSQL(
            """CREATE INDEX event_looked_at ON loyalty_event ((payload ->> 'product_id'), occurred_at)
               WHERE name IN ('product.viewed', 'product.favourited', 'product_added_to_wishlist')""",
            reverse_sql="DROP INDEX event_looked_at",
        ),
        migrations.RunSQL(
            """CREATE INDEX event_carted ON loyalty_event
               USING gin (jsonb_path_query_array(payload, '$.lines[*].product_id')) WHERE name = 'cart.updated'""",
            reverse_sql="DROP INDEX event_carted",
        ),
    ]
