"""Gifts and access to services: a code or a link that a client holds until a date (mechanics T44)."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.client import Client


class AccessGrant(models.Model):
    """A gift or an access that was granted; unique per (source, key).

    It holds at `now` when it is not revoked and `now < ends_at`: the job that ends it only tells.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", _("access to a service")
        GIFT = "gift", _("gift")

    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.ACCESS)
    name = models.CharField(pgettext_lazy("grant", "what"), max_length=200)
    code = models.CharField(_("code"), max_length=64, blank=True)
    normal = models.CharField(max_length=64, blank=True, editable=False)
    link = models.CharField(_("link"), max_length=1000, blank=True)
    granted_at = models.DateTimeField(_("granted"))
    ends_at = models.DateTimeField(_("valid before"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    revoked = models.BooleanField(_("revoked early"), default=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    source = models.CharField(_("source"), max_length=50)
    key = models.CharField(_("key"), max_length=200)

    class Meta:
        verbose_name = _("gift or access")
        verbose_name_plural = _("gifts and accesses")
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="access_unique"),
            models.UniqueConstraint(fields=["normal"], condition=~Q(normal=""), name="access_code_unique"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("granted_at")), name="access_life"
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_at"], name="access_end", condition=Q(ended_at__isnull=True, ends_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.name
