"""Signed links that speak for one client until a day: to a survey, to a profile form (contract §4)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.core import signing

from loyalty.models import Client


class Forged(Exception):
    """A link that was not given by this platform."""


class Over(Exception):
    """A link whose time has passed, or whose page or client is no more."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a link says: which page, for whom, and what gave it."""

    slug: str
    client: Client
    key: str


def link(page: str, slug: str, client_id: int, key: str, until: datetime) -> str:
    """The client's link to `/<page>/…`, valid before `until` (UTC). `key`: what gave it, such as a step of a run."""
    token = signing.dumps([slug, client_id, key, int(until.timestamp())], salt=f"loyalty.{page}")
    return f"{settings.PUBLIC_URL}/{page}/{token}/"


def read(page: str, token: str, now: datetime) -> Named:
    """What a token of that page says; a merged client is the one who lives on. Raises Forged and Over."""
    try:
        slug, client_id, key, until = signing.loads(token, salt=f"loyalty.{page}")
    except (signing.BadSignature, ValueError, TypeError):
        raise Forged from None
    client = Client.objects.select_related("merged_into").filter(pk=client_id).first()
    if client is None or now >= datetime.fromtimestamp(until, UTC):
        raise Over
    return Named(slug, client.merged_into or client, key)
