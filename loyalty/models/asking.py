"""What pages that ask clients have in common: surveys and profile forms."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Asking(models.Model):
    """A page of questions behind a personal link."""

    name = models.CharField(_("name"), max_length=200, help_text=_("For staff."))
    slug = models.SlugField(_("slug"), unique=True, max_length=50)
    title = models.CharField(_("title"), max_length=200)
    intro = models.TextField(_("introduction"), blank=True)
    thanks = models.TextField(_("thanks"), blank=True, help_text=_("Shown after the answer."))
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name
