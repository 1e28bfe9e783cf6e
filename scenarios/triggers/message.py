"""What became of a message: delivered, opened, clicked, answered."""

from collections.abc import Collection

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from messaging.models import Channel
from scenarios.triggers.base import Entry, EventView, Trigger


class MessageTrigger(Trigger):
    """Starts when a message of ours was delivered, opened, clicked or answered; once a message: `opened:77`.

    The event says `message`, `scenario`, `step` and `channel` (docs/events.md). Of a scenario, any or one step's.
    """

    class Deed(models.TextChoices):
        DELIVERED = "message.delivered", _("is delivered")
        OPENED = "message.opened", _("is opened")
        CLICKED = "message.clicked", _("is clicked")
        REPLIED = "message.replied", _("is answered")

    icon = "mark_email_read"

    deed = models.CharField(_("a message"), max_length=30, choices=Deed, default=Deed.CLICKED)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, blank=True)
    of_scenario = models.ForeignKey(
        "scenarios.Scenario", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("of the scenario")
    )
    of_step = models.CharField(
        _("of its step"), max_length=32, blank=True, help_text=_("The key of the step, as the log shows it.")
    )

    class Meta:
        verbose_name = _("message opened, clicked, answered")
        verbose_name_plural = _("messages opened, clicked, answered")

    def sentence(self) -> str:
        sentence = {
            self.Deed.DELIVERED: t("When a message is delivered"),
            self.Deed.OPENED: t("When a message is opened"),
            self.Deed.CLICKED: t("When a link in a message is clicked"),
            self.Deed.REPLIED: t("When a message is answered"),
        }[self.Deed(self.deed)]
        said = [str(self.get_channel_display())] if self.channel else []
        said += [t("scenario «%(name)s»") % {"name": self.of_scenario.name}] if self.of_scenario else []
        said += [t("step %(key)s") % {"key": self.of_step}] if self.of_step else []
        return f"{sentence} ({', '.join(said)})" if said else sentence

    def listens_to(self) -> Collection[str]:
        return (self.deed,)

    def entry(self, event: EventView) -> Entry | None:
        wanted = {"channel": self.channel, "scenario": self.of_scenario_id, "step": self.of_step}
        if any(value and event.payload.get(name) != value for name, value in wanted.items()):
            return None
        message = event.payload.get("message")
        deed = self.deed.removeprefix("message.")
        return Entry(event, f"{deed}:{message}"[:250] if message else f"event:{event.id}")
