"""Agreements that count only once the client has confirmed them: double opt-in (semantics §27)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.client import Client, Consent
from loyalty.models.source import Source


class ConsentRequest(models.Model):
    """An agreement that somebody told of and the client has not confirmed, with the evidence it came with.

    It is no `Consent`, so nobody who asks for consent can take it for one. What becomes of it stays as evidence.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waits for the client")
        CONFIRMED = "confirmed", _("confirmed")
        REFUSED = "refused", _("refused")
        EXPIRED = "expired", _("not confirmed in time")

    client = models.ForeignKey(
        Client, models.CASCADE, related_name="consent_requests", db_index=False, verbose_name=_("client")
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Consent.Channel)
    topic = models.CharField(_("topic"), max_length=50, default="marketing")
    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    evidence = models.CharField(_("evidence"), max_length=200, blank=True)
    text_version = models.CharField(_("text version"), max_length=50, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    agent = models.CharField(_("browser"), max_length=300, blank=True)
    given_at = models.DateTimeField(_("given"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    # What is asked by one message: the least id among them; none until the message is written.
    letter = models.BigIntegerField(_("message"), null=True, editable=False)
    asked_at = models.DateTimeField(_("asked"), null=True)
    expires_at = models.DateTimeField(_("to be confirmed before"))
    closed_at = models.DateTimeField(_("answered"), null=True)
    closed_ip = models.GenericIPAddressField(_("IP address of the answer"), null=True)
    closed_agent = models.CharField(_("browser of the answer"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("consent to be confirmed")
        verbose_name_plural = _("consents to be confirmed")
        constraints = [
            # A shop repeats what it knows in every order: the client is asked once.
            models.UniqueConstraint(
                fields=["client", "channel", "topic"], name="consent_request_open", condition=Q(status="waiting")
            )
        ]
        indexes = [
            models.Index(fields=["client", "-given_at"], name="consent_request_client"),
            models.Index(
                fields=["id"], name="consent_request_unasked", condition=Q(status="waiting", letter__isnull=True)
            ),
            models.Index(fields=["expires_at"], name="consent_request_expiry", condition=Q(status="waiting")),
            models.Index(fields=["letter"], name="consent_request_letter", condition=Q(letter__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.topic}: {self.get_status_display()}"
