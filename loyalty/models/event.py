"""What happened: the one stream of facts (semantics §1)."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.client import Client
from loyalty.models.source import Source


class Event(models.Model):
    """One fact about a client, append-only, unique per source and external id (semantics §1–2).

    The database refuses any change but the join of an anonymous event to its client
    (migration `append_only`).
    """

    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    external_id = models.CharField(_("external id"), max_length=200)
    name = models.CharField(_("event"), max_length=100)
    client = models.ForeignKey(Client, models.PROTECT, null=True, db_index=False, verbose_name=_("client"))
    anonymous_id = models.CharField(_("anonymous id"), max_length=200, blank=True)
    occurred_at = models.DateTimeField(_("happened"))
    received_at = models.DateTimeField(_("received"))
    payload = models.JSONField(_("payload"), default=dict)
    raw = models.JSONField(_("as received"), null=True)
    depth = models.PositiveSmallIntegerField(
        _("chain depth"), default=0, help_text=_("How many scenarios in a row led to this event.")
    )

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="event_unique")]
        indexes = [
            models.Index(fields=["client", "name", "occurred_at"], name="event_client_name"),
            models.Index(fields=["name", "-id"], name="event_name_newest"),
            # What left a window since the last look (segments): by time alone, and next to nothing to keep.
            BrinIndex(fields=["occurred_at"], name="event_occurred", autosummarize=True),
            models.Index(
                fields=["source", "anonymous_id"],
                name="event_anonymous",
                condition=Q(client__isnull=True) & ~Q(anonymous_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"


class UnreadEvent(models.Model):
    """The queue of events that scenarios have not read yet: claimed with SKIP LOCKED, deleted when read.

    A narrow table of its own keeps the events append-only and the claim as cheap as what is unread.
    """

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, verbose_name=_("event"))
    # Set when reading it failed: it waits here, with the reason, and is tried again.
    retry_at = models.DateTimeField(_("again at"), null=True)
    error = models.TextField(_("error"), null=True)  # noqa: DJ001 (bulk inserts name the event alone)

    class Meta:
        verbose_name = _("unread event")
        verbose_name_plural = _("unread events")

    def __str__(self) -> str:
        return f"#{self.pk}"
