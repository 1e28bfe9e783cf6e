"""Sources of facts: making them, finding them, and what is assumed where they are silent (contract §1–2)."""

import base64
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core.validators import slug_re
from django.db import connection, transaction
from django.utils.translation import gettext as _
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from loyalty.intake.read import EXPONENTS, Origin
from loyalty.models import Programme, Source
from loyalty.services import rows

# Kinds that somebody outside sends to; the others belong to the importer and to the platform itself.
OUTSIDE = (Source.Kind.SEGMENT, Source.Kind.SHOP, Source.Kind.SHOPIFY, Source.Kind.WOOCOMMERCE)
MIN_SECRET = 4  # characters: shops choose their own secrets, we only refuse none at all


class SourceError(Exception):
    """A source that cannot be made or changed as asked; the text says why."""


@dataclass(slots=True)
class Made:
    """A source and, where it was just made or changed, its key or secret: to be shown once."""

    source: Source
    new: bool
    secret: str | None


def create(kind: str, slug: str, *, secret: str = "", name: str = "", keep_key: bool = False) -> Made:
    """Makes a source, or finds the one that is there: running it again changes nothing.

    `secret` is the write key (segment) or signing secret that the shop already uses; without it one is
    generated. Given for a source that exists, it replaces the old one. A write key is stored as a hash
    only, unless `keep_key`: then also encrypted, so that `send_sample` can send with it.
    """
    if kind not in {each.value for each in OUTSIDE}:
        known = ", ".join(each.value for each in OUTSIDE)
        raise SourceError(_("%(kind)s is not a kind of source; one of: %(known)s") % {"kind": kind, "known": known})
    if len(slug) > 50 or not slug_re.fullmatch(slug):
        raise SourceError(_("a slug is up to 50 letters, digits, hyphens and underscores"))
    if secret and len(secret) < MIN_SECRET:
        raise SourceError(_("the secret is shorter than %(least)s characters") % {"least": MIN_SECRET})
    with transaction.atomic():
        source, new = Source.objects.select_for_update().get_or_create(
            slug=slug, defaults={"kind": kind, "name": name or slug}
        )
        if source.kind != kind:
            raise SourceError(
                _("the source %(slug)s is there already, of kind %(kind)s") % {"slug": slug, "kind": source.kind}
            )
        shown = _give(source, secret, keep_key) if new or secret else None
    return Made(source, new, shown)


def rotate(source: Source) -> str:
    """Replaces the write key or the signing secret; the old one stops working at once. Returns the new one."""
    return _give(source, "", keep_key=bool(source.key_hash and source.secret))


def _give(source: Source, secret: str, keep_key: bool) -> str:
    if source.kind == Source.Kind.SEGMENT:
        secret = secret or secrets.token_urlsafe(24)
        source.key_hash = Source.hash_key(secret)
        source.secret = secret if keep_key else ""
        if Source.objects.filter(key_hash=source.key_hash).exclude(pk=source.pk).exists():
            raise SourceError(_("another source has this write key"))
    else:
        if source.kind == Source.Kind.SHOP:
            secret = secret or "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
            _check_standard(secret)
        source.secret = secret = secret or secrets.token_hex(24)
    source.save(update_fields=["key_hash", "secret"])
    return secret


def _check_standard(secret: str) -> None:
    try:
        Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        raise SourceError(_("a secret of Standard Webhooks is base64, with or without whsec_ before it")) from None


def address(source: Source) -> str:
    """The public address that deliveries of the source go to."""
    path = "/v1/batch" if source.kind == Source.Kind.SEGMENT else f"/webhooks/{source.kind}/{source.slug}/"
    return settings.PUBLIC_URL + path


def by_key(key: str) -> Source | None:
    """The Segment-style source with this write key."""
    return _find("s.kind = 'segment' AND s.key_hash = %s", [Source.hash_key(key)]) if key else None


def by_slug(kind: str, slug: str) -> Source | None:
    """The source of this kind with this slug."""
    return _find("s.kind = %s AND s.slug = %s", [kind, slug])


def by_id(source_id: int) -> Source:
    """The source with this id. Raises Source.DoesNotExist."""
    found = _find("s.id = %s", [source_id])
    if found is None:
        raise Source.DoesNotExist
    return found


def _find(where: str, values: list[int] | list[str]) -> Source | None:
    """A source with what the programme assumes beside it: one statement for every delivery, so a plain one."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT p.currency, p.phone_region, {rows.selected(Source, "s")}
                FROM loyalty_source s LEFT JOIN loyalty_programme p ON p.id = 1 WHERE {where}""",  # noqa: S608 (fixed)
            values,
        )
        row = cursor.fetchone()
    if row is None:
        return None
    source = rows.load(Source, row[2:])
    source.programme_currency, source.programme_region = row[:2]  # type: ignore[attr-defined]  # read by `origin`
    return source


def origin(source: Source) -> Origin:
    """What is assumed where a delivery of this source (found by this module) names no currency or country."""
    assumed = Programme()
    currencies = (source.currency, getattr(source, "programme_currency", ""), assumed.currency)
    region = source.phone_region or getattr(source, "programme_region", "") or assumed.phone_region
    # A code that nobody knows can be typed into the admin: it must not break the intake.
    currency = next(code.upper() for code in currencies if code and code.upper() in EXPONENTS)
    return Origin(source.slug, currency, region.upper())
