"""Attempts in reserve: the channels that follow where the first does not reach the client (semantics §22)."""

from datetime import timedelta
from typing import NamedTuple

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from messaging.models.message import Message


class Success(models.TextChoices):
    """What an attempt must bring, or the next one goes."""

    DELIVERED = "delivered", _("is not delivered")
    OPENED = "opened", _("is not opened")
    CLICKED = "clicked", _("no link in it is clicked")


class Reserve(NamedTuple):
    """When an attempt takes over: the one before has not brought `success` within `after` of being sent."""

    success: str
    after: timedelta


class Fallback(models.Model):
    """An attempt that waits for the one before it. A narrow row beside the message; most messages have none."""

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="+")
    # A plain number: the message of the attempt before.
    previous_id = models.BigIntegerField()
    success = models.CharField(max_length=9, choices=Success)
    after = models.DurationField()
    # When to look at it; None: its turn has not come, or is over.
    at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("attempt in reserve")
        verbose_name_plural = _("attempts in reserve")
        indexes = [
            models.Index(fields=["at"], name="fallback_due", condition=Q(at__isnull=False)),
            models.Index(fields=["previous_id"], name="fallback_previous"),
        ]

    def __str__(self) -> str:
        return f"#{self.message_id}"
