"""Who may call the REST API, and what was already answered (contract §3)."""

import hashlib

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models.source import Source

# What the API is made of; every room adds its own. A scope is `<resource>:read` or `<resource>:write`.
RESOURCES = (
    "bonuses",
    "clients",
    "devices",
    "events",
    "levels",
    "messages",
    "orders",
    "products",
    "promo-codes",
    "referrals",
    "scenarios",
    "segments",
)
SCOPES = tuple(f"{resource}:{deed}" for resource in RESOURCES for deed in ("read", "write"))


class ApiKey(models.Model):
    """A bearer key of a till, an app or a site. Stored as a hash; `prefix` tells keys apart (contract §3)."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    key_hash = models.CharField(_("key hash"), max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=50), verbose_name=_("scopes"), default=list)
    source = models.ForeignKey(
        Source,
        models.PROTECT,
        verbose_name=_("source"),
        help_text=_("External ids and orders named through this key are this source's."),
    )
    rate = models.PositiveIntegerField(
        _("requests a minute"), null=True, blank=True, help_text=_("Empty: as the installation allows.")
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def hash_key(key: str) -> str:
        """The stored form: keys are random and long, so one SHA-256 is enough."""
        return hashlib.sha256(key.encode()).hexdigest()


class IdempotentRequest(models.Model):
    """A POST that was answered: its repetition gets the same answer (semantics §36).

    Written in the transaction of the effect, so that one never exists without the other. `status` is
    empty only inside that transaction.
    """

    api_key = models.ForeignKey(ApiKey, models.CASCADE, db_index=False, verbose_name=_("API key"))
    key = models.CharField(_("key"), max_length=255)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    body = models.TextField(_("answer"), blank=True, help_text=_("JSON exactly as it was sent."))
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="idempotent_request_unique")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_age")]

    def __str__(self) -> str:
        return self.key
