"""Files of clients for a static segment."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.models.segment import Segment


class MemberImport(models.Model):
    """A file that was read, with what would come of it; applied when the user says so.

    It keeps the numbers of the refused rows, never what was in them; the ids of the clients are forgotten once applied.
    """

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="imports", verbose_name=_("segment"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("author")
    )
    name = models.CharField(_("file"), max_length=200)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    clients = ArrayField(models.BigIntegerField(), default=list, verbose_name=_("clients"))
    found = models.PositiveIntegerField(_("clients found"), default=0)
    repeated = models.PositiveIntegerField(_("rows of a client named before"), default=0)
    refused = models.PositiveIntegerField(_("rows refused"), default=0)
    refusals = models.JSONField(
        _("refusals"), default=list, help_text=_("The first of them: row, column and reason of each.")
    )
    created_at = models.DateTimeField(_("read"))
    applied_at = models.DateTimeField(_("applied"), null=True)

    class Meta:
        verbose_name = _("import of clients")
        verbose_name_plural = _("imports of clients")

    def __str__(self) -> str:
        return self.name
