"""What comes back of messages: their links, and that somebody looked (semantics §26)."""

from django.db import models
from django.db.models.functions import MD5
from django.utils.translation import gettext_lazy as _


class Link(models.Model):
    """Where a link in the messages of one step leads, and how often it was followed.

    The address is stored once a step rather than in the link: what a client holds is short and leads only here.
    """

    # Plain numbers: they belong to the room above. 0: no scenario.
    scenario_id = models.BigIntegerField(_("scenario"), db_default=0, default=0)
    step_key = models.CharField(_("step"), max_length=32, blank=True)
    url = models.TextField(_("address"))
    clicks = models.PositiveIntegerField(_("clicks"), db_default=0, default=0)
    clickers = models.PositiveIntegerField(_("messages whose reader clicked"), db_default=0, default=0)
    clients = models.PositiveIntegerField(_("clients who clicked"), db_default=0, default=0)
    machine_clicks = models.PositiveIntegerField(_("clicks by machines"), db_default=0, default=0)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("link in messages")
        verbose_name_plural = _("links in messages")
        constraints = [models.UniqueConstraint("scenario_id", "step_key", MD5("url"), name="link_once")]

    def __str__(self) -> str:
        return self.url


class Touch(models.Model):
    """Somebody asked for a link or for the picture that tells an open; a job folds it into the message.

    Appended by the request, which so costs one insert into a table without indexes, and deleted when it is counted.
    """

    class Who(models.TextChoices):
        PERSON = "person", _("a person")
        # A mail service that fetches pictures for its readers: a person may stand behind it, or nobody.
        PROXY = "proxy", _("a privacy proxy")
        MACHINE = "machine", _("a machine")

    message_id = models.BigIntegerField(_("message"))
    # None: the message was opened.
    link_id = models.BigIntegerField(_("link"), null=True)
    at = models.DateTimeField(_("happened"))
    who = models.CharField(_("who"), max_length=10, choices=Who)

    class Meta:
        verbose_name = _("open or click, not counted yet")
        verbose_name_plural = _("opens and clicks, not counted yet")

    def __str__(self) -> str:
        return f"#{self.message_id}"
