"""Designs of e-mails: where a message begins."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Design(models.Model):
    """A formatted text that staff keep for messages to come. A message takes a copy: changing one changes no other."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    body = models.TextField(_("formatted text"), help_text=_("MJML or HTML, with variables as in messages."))
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("e-mail design")
        verbose_name_plural = _("e-mail designs")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
