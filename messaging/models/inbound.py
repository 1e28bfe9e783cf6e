"""What comes from providers: reports on our messages, and what clients write to us."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client
from messaging.models.content import Channel


class Report(models.Model):
    """What a provider said of a message, as it came: kept at once, applied by a job, deleted then.

    A report may overtake the answer to the call that sent the message: it waits until that is written.
    """

    class Kind(models.TextChoices):
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")
        COMPLAINED = "complained", _("complaint about spam")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        OPENED = "opened", _("opened")
        CLICKED = "clicked", _("link followed")

    kind = models.CharField(_("what happened"), max_length=15, choices=Kind)
    provider_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    # Where the provider gives back what the message was sent with.
    message_id = models.BigIntegerField(_("message"), null=True)
    at = models.DateTimeField(_("happened"))
    # The address will never do: it is suppressed.
    permanent = models.BooleanField(_("permanent"), default=False)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    url = models.TextField(_("address"), blank=True)
    agent = models.CharField(_("browser"), max_length=300, blank=True)
    received_at = models.DateTimeField(_("received"))
    due_at = models.DateTimeField(_("due"), db_index=True)

    class Meta:
        verbose_name = _("report of a provider")
        verbose_name_plural = _("reports of providers")

    def __str__(self) -> str:
        return f"{self.kind} {self.provider_id}"


class InboundMessage(models.Model):
    """What somebody wrote to us; once, however often the provider passes it on."""

    client = models.ForeignKey(Client, models.SET_NULL, null=True, verbose_name=_("client"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    address = models.CharField(_("from"), max_length=254)
    text = models.TextField(_("text"), blank=True)
    # A plain number: the log has a life of its own.
    answers_id = models.BigIntegerField(_("answers the message"), null=True)
    provider_id = models.CharField(_("provider's id"), max_length=200)
    received_at = models.DateTimeField(_("received"))
    # Who dealt with it, and when; nobody where a button or a word did.
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    # A plain number, too: our last reply.
    reply_id = models.BigIntegerField(_("our reply"), null=True)

    class Meta:
        verbose_name = _("message from a client")
        verbose_name_plural = _("messages from clients")
        constraints = [models.UniqueConstraint(fields=["channel", "provider_id"], name="inbound_once")]
        indexes = [
            models.Index(fields=["-id"], name="inbound_newest"),
            models.Index(fields=["-id"], name="inbound_waiting", condition=models.Q(handled_at=None)),
        ]

    def __str__(self) -> str:
        return self.text[:80]
