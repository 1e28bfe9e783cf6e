"""Trying a refused delivery again, once the cause is gone (contract §2)."""

from datetime import datetime

from django.utils.translation import gettext as _

from loyalty.intake import segment_http
from loyalty.intake.body import parse
from loyalty.intake.delivery import Delivery, UnknownTopic
from loyalty.intake.facts import Refused
from loyalty.intake.webhooks import ADAPTERS
from loyalty.models import RefusedDelivery, Source
from loyalty.services import sources
from loyalty.services.deliveries import record_understood
from loyalty.services.events import Recorded


def replay(refused: RefusedDelivery, now: datetime) -> list[Recorded]:
    """Takes a kept delivery as its adapter would now; its signature was checked when it came.

    Marks it replayed. Raises Refused where it still cannot be taken; the newest reason is stored.
    """
    source = sources.by_id(refused.source_id)
    try:
        if source.kind == Source.Kind.SEGMENT:
            facts = segment_http.one_item(parse(refused.body.encode()), sources.origin(source), now)
        else:
            delivery = Delivery(refused.body.encode(), refused.headers, sources.origin(source), now)
            facts = ADAPTERS[source.kind].facts(delivery)
        recorded = record_understood(source, facts, now)
    except UnknownTopic:
        raise Refused("topic", _("is still unknown")) from None
    except Refused as error:
        refused.why, refused.reason = RefusedDelivery.Why.REFUSED, str(error)
        refused.save(update_fields=["why", "reason"])
        raise
    refused.replayed_at = now
    refused.save(update_fields=["replayed_at"])
    return recorded
