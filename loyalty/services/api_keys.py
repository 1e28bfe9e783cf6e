"""Keys of the REST API: making them and finding whose a request is (contract §3)."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from loyalty.models import ApiKey, Source
from loyalty.models.api_key import SCOPES

MARK = "lk_"  # tells people and secret scanners what it is
SHOWN = len(MARK) + 8
# A key's last use is for staff who wonder whether anybody still has it: written seldom, read by eye.
USE_WRITTEN_EVERY = timedelta(minutes=10)


class ApiKeyError(Exception):
    """A key that cannot be made as asked; the text says why."""


def create(
    name: str, scopes: Sequence[str], now: datetime, *, source_slug: str = "", expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Makes a key; returns its row and the key itself, which is nowhere stored. Raises ApiKeyError.

    `source_slug` names the source for which the key speaks (a till of a shop whose webhooks come here too);
    without it a source of its own kind, `api`, is shared by all such keys.
    """
    name = name.strip()
    if not name or len(name) > 100:
        raise ApiKeyError(_("a name is of 1 to 100 characters"))
    if not scopes:
        raise ApiKeyError(_("give at least one scope; known are: %(known)s") % {"known": ", ".join(SCOPES)})
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        words = {"scope": unknown[0], "known": ", ".join(SCOPES)}
        raise ApiKeyError(_("%(scope)s is not a scope; known are: %(known)s") % words)
    if ApiKey.objects.filter(name=name).exists():
        raise ApiKeyError(_("there is a key of this name already"))
    secret = MARK + secrets.token_urlsafe(32)
    made = ApiKey.objects.create(
        name=name,
        prefix=secret[:SHOWN],
        key_hash=ApiKey.hash_key(secret),
        scopes=sorted(set(scopes)),
        source=_source(source_slug),
        created_at=now,
        expires_at=expires_at,
    )
    return made, secret


def _source(slug: str) -> Source:
    if not slug:
        return Source.objects.get_or_create(slug="api", defaults={"kind": Source.Kind.API, "name": "REST API"})[0]
    try:
        return Source.objects.get(slug=slug)
    except Source.DoesNotExist:
        raise ApiKeyError(_("there is no source %(slug)s") % {"slug": slug}) from None


def find(secret: str, now: datetime) -> ApiKey | None:
    """The key that works at `now`, by one query."""
    try:
        key = ApiKey.objects.get(key_hash=ApiKey.hash_key(secret))
    except ApiKey.DoesNotExist:
        return None
    return key if key.active and (key.expires_at is None or key.expires_at > now) else None


def used(key: ApiKey, now: datetime) -> None:
    """Notes that the key was used, at most once in `USE_WRITTEN_EVERY`."""
    if key.last_used_at and now - key.last_used_at < USE_WRITTEN_EVERY:
        return
    since = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USE_WRITTEN_EVERY)
    ApiKey.objects.filter(since, pk=key.pk).update(last_used_at=now)
