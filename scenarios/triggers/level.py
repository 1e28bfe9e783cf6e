"""A change of level (T35)."""

from collections.abc import Collection

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.triggers.base import Entry, EventView, Trigger


class LevelTrigger(Trigger):
    """Starts when a client's level goes up or down, or becomes a given one."""

    class Direction(models.TextChoices):
        UP = "up", _("up")
        DOWN = "down", _("down")
        ANY = "any", _("up or down")

    icon = "workspace_premium"

    direction = models.CharField(_("the level goes"), max_length=10, choices=Direction, default=Direction.UP)
    to = models.CharField(_("to the level"), max_length=100, blank=True, help_text=_("Empty: to any."))

    class Meta:
        verbose_name = _("level changed")
        verbose_name_plural = _("changes of level")

    def sentence(self) -> str:
        sentence = {
            self.Direction.UP: t("When the level goes up"),
            self.Direction.DOWN: t("When the level goes down"),
            self.Direction.ANY: t("When the level changes"),
        }[self.Direction(self.direction)]
        return f"{sentence}: «{self.to}»" if self.to else sentence

    def listens_to(self) -> Collection[str]:
        return ("level.changed",)

    def entry(self, event: EventView) -> Entry | None:
        said = event.payload
        fits = self.direction in (self.Direction.ANY, said.get("direction"))
        if not fits or (self.to and self.to.casefold() != str(said.get("to") or "").casefold()):
            return None
        return Entry(event, f"event:{event.id}")
