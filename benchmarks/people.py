"""Clients by the thousand, made inside the database: set-up costs the benchmark no memory."""

from datetime import datetime

from django.db import connection

from loyalty.models import Source


def make(number: int, now: datetime) -> list[int]:
    """Makes clients with an e-mail and consent to it, two of three with a first name, every other with bonuses.

    Returns the first and the last id; the ids between them are all clients.
    """
    source = Source.objects.create(kind=Source.Kind.SHOP, slug="people")
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loyalty_client (phone, phone_given, phone_quality, email, first_name, last_name, gender,
                                           zone, language, attributes, created_at)
               SELECT '+79' || lpad(n::text, 9, '0'), '', 'valid', 'client' || n || '@example.com',
                      CASE WHEN n %% 3 > 0 THEN (ARRAY['Anna', 'Иван', 'Maria', 'Пётр'])[n %% 4 + 1] ELSE '' END,
                      '', '', '', 'en', '{"city": "Riga"}', %(now)s - interval '30 days'
               FROM generate_series(1, %(number)s) AS n""",
            {"number": number, "now": now},
        )
        cursor.execute(
            """INSERT INTO loyalty_consent (client_id, channel, topic, granted, source_id, evidence, text_version,
                                            given_at)
               SELECT id, 'email', 'marketing', true, %s, 'benchmark', '', %s - interval '20 days'
               FROM loyalty_client""",
            [source.pk, now],
        )
        cursor.execute(
            """WITH op AS (
                 INSERT INTO loyalty_bonusoperation (client_id, kind, amount, source, key, fingerprint, reason,
                                                     posted_at)
                 SELECT id, 'accrue', 100 + id %% 900, 'benchmark', 'welcome:' || id, '', '',
                        %(now)s - interval '9 days'
                 FROM loyalty_client WHERE id %% 2 = 0 RETURNING id, client_id, amount),
               lot AS (
                 INSERT INTO loyalty_bonuslot (client_id, operation_id, amount, remaining, activates_at, expires_at,
                                               notify_burn)
                 SELECT client_id, id, amount, amount, %(now)s - interval '9 days', %(now)s + interval '90 days', false
                 FROM op RETURNING id, operation_id, client_id, amount),
               account AS (
                 INSERT INTO loyalty_bonusaccount (client_id, posted, debt) SELECT client_id, amount, 0 FROM op)
               INSERT INTO loyalty_bonusentry (operation_id, lot_id, client_id, amount)
               SELECT operation_id, id, client_id, amount FROM lot""",
            {"now": now},
        )
        cursor.execute("SELECT min(id), max(id) FROM loyalty_client")
        return list(cursor.fetchone())
