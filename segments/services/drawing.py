"""Drawing winners among the clients of a segment (T56)."""

from datetime import datetime
from secrets import SystemRandom

from django.db import connection, transaction

from segments.models import Membership, Segment
from segments.services import membership


def draw(among: Segment, into: Segment, number: int, now: datetime) -> list[int]:
    """Puts `number` clients of a segment, all equally likely, into a static one; returns their ids in order.

    Who is in it already has won before and is not drawn again; where fewer are left, all of them win. Two draws at once
    wait for each other. Everybody drawn is an event `segment.entered`. Raises FilledByRule.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM segments_segment WHERE id = %s FOR NO KEY UPDATE", [into.pk])
        left = Membership.objects.filter(segment=among, client__merged_into=None).exclude(
            client__in=Membership.objects.filter(segment=into).values("client")
        )
        ids = list(left.order_by("client").values_list("client_id", flat=True))
        # From the system's own randomness: nobody can tell the winners beforehand.
        drawn = sorted(SystemRandom().sample(ids, min(number, len(ids))))
        membership.add(into.pk, dict.fromkeys(drawn, 0), now)
    return drawn
