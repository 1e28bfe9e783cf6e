"""Where facts come from: a shop, a till, a site."""

import hashlib

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.fields import EncryptedTextField


class Source(models.Model):
    """A system that tells what clients do (contract §2)."""

    class Kind(models.TextChoices):
        SEGMENT = "segment", _("Segment-style HTTP tracking")
        SHOP = "shop", _("Shop (own JSON, Standard Webhooks)")
        SHOPIFY = "shopify", _("Shopify")
        WOOCOMMERCE = "woocommerce", _("WooCommerce")
        API = "api", _("REST API")
        IMPORT = "import", _("File import")
        PLATFORM = "platform", _("This platform itself")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    slug = models.SlugField(_("slug"), unique=True, max_length=50, help_text=_("Part of the webhook's address."))
    name = models.CharField(_("name"), max_length=200, blank=True)
    secret = EncryptedTextField(
        _("signing secret"), blank=True, help_text=_("Checks the signature of a webhook. Stored encrypted.")
    )
    key_hash = models.CharField(_("write key hash"), max_length=64, blank=True, editable=False)
    currency = models.CharField(
        _("currency"), max_length=3, blank=True, help_text=_("ISO 4217 code used where the shop names none.")
    )
    phone_region = models.CharField(
        _("phone region"), max_length=2, blank=True, help_text=_("Country of phone numbers given without a prefix.")
    )
    confirm_consents = models.BooleanField(
        _("ask clients to confirm"),
        default=False,
        help_text=_(
            "An agreement to messages that comes from here counts only after the client has confirmed it"
            " by a link in an e-mail or an SMS."
        ),
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        constraints = [
            models.UniqueConstraint("key_hash", condition=~models.Q(key_hash=""), name="source_key_hash_unique"),
            models.UniqueConstraint("kind", condition=models.Q(kind="platform"), name="source_one_platform"),
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    @staticmethod
    def hash_key(key: str) -> str:
        """The stored form of a write key: keys are random and long, so one SHA-256 is enough."""
        return hashlib.sha256(key.encode()).hexdigest()


class RefusedDelivery(models.Model):
    """A delivery that became no event: not understood (refused) or of a topic that we do not know (contract §2).

    Kept raw, so that staff can look at it and replay it once the cause is gone.
    """

    class Why(models.TextChoices):
        REFUSED = "refused", _("Refused")
        UNKNOWN_TOPIC = "unknown", _("Unknown topic")

    source = models.ForeignKey(Source, models.CASCADE, verbose_name=_("source"))
    external_id = models.CharField(_("delivery"), max_length=200)
    why = models.CharField(_("kind"), max_length=10, choices=Why)
    topic = models.CharField(pgettext_lazy("webhook", "topic"), max_length=200, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    body = models.TextField(_("body"))
    headers = models.JSONField(_("headers"), default=dict)
    received_at = models.DateTimeField(_("received"))
    replayed_at = models.DateTimeField(_("replayed"), null=True, blank=True)

    class Meta:
        verbose_name = _("refused delivery")
        verbose_name_plural = _("refused deliveries")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="refused_delivery_unique")]
        indexes = [models.Index(fields=["-received_at"], name="refused_received")]

    def __str__(self) -> str:
        return f"{self.topic or self.external_id}: {self.reason}"
