"""The send log: one row a message, written before anything is sent (semantics §20)."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models import Client
from messaging.models.content import Channel


class Status(models.TextChoices):
    """Where a message is on its way."""

    QUEUED = "queued", _("queued")
    STANDBY = "standby", _("in reserve")
    SENDING = "sending", _("being sent")
    ACCEPTED = "accepted", _("sent")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("unknown")
    WITHHELD = "withheld", _("not sent")


class Reason(models.TextChoices):
    """Why a message was not sent, or what went wrong: typed, never a silent drop (semantics §19)."""

    SCENARIO_INACTIVE = "scenario_inactive", _("the scenario is not active")
    SCENARIO_PAUSED = "scenario_paused", _("the scenario is paused")
    RUN_ENDED = "run_ended", _("the run was stopped")
    OVERDUE = "overdue", _("too late after a pause")
    EXIT_RULE = "exit_rule", _("an exit rule of the scenario came true")
    GOAL_REACHED = "goal_reached", _("the goal of the scenario was reached")
    HOLDOUT_PROGRAMME = "holdout_programme", _("the client is in the programme's control group")
    HOLDOUT_SCENARIO = "holdout_scenario", _("the client is in the scenario's control group")
    NO_CONSENT = "no_consent", _("no consent for this channel and topic")
    NO_ADDRESS = "no_address", _("no usable address")
    SUPPRESSED = "suppressed", _("the address is suppressed")
    REACHED = "reached", _("another channel has reached the client")
    PAUSE_DATE = "pause_date", _("no marketing on a pause date")
    QUIET_HOURS = "quiet_hours", _("quiet hours")
    FREQUENCY_CAP = "frequency_cap", _("the client got enough messages lately")
    RENDER_FAILED = "render_failed", _("the text could not be rendered")
    PROVIDER_REFUSED = "provider_refused", _("the provider refused it")
    PROVIDER_UNAVAILABLE = "provider_unavailable", _("the provider could not be reached")
    UNDELIVERED = "undelivered", _("the provider could not deliver it")
    CRASHED = "crashed", _("the sender stopped between the call and the answer")


class Recipient(models.TextChoices):
    """Whom a message is for."""

    CLIENT = "client", _("the client")
    STAFF = "staff", _("staff")


class Message(models.Model):
    """One message to one client, or to staff about a client, through one channel.

    It exists before the provider is called and is unique per (run, step, visit, attempt): a repeated
    step cannot write a second one. What belongs to no attempt of a run (a notice, a message to staff) is
    unique by its `key`. Scenario and run are plain numbers: they belong to the room above.
    """

    # Nobody: a trial of an account.
    client = models.ForeignKey(Client, models.PROTECT, null=True, db_index=False, verbose_name=_("client"))
    recipient = models.CharField(_("to"), max_length=10, choices=Recipient, db_default=Recipient.CLIENT)
    key = models.CharField(_("key"), max_length=200, blank=True, db_default="", editable=False)
    scenario_id = models.BigIntegerField(_("scenario"), null=True)
    run_id = models.BigIntegerField(_("run"), null=True)
    step_key = models.CharField(_("step"), max_length=32, blank=True)
    visit = models.PositiveIntegerField(_("visit"), default=1)
    attempt = models.PositiveSmallIntegerField(_("channel attempt"), default=1)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    topic = models.CharField(_("topic"), max_length=50)
    # A plain number: 0 is the main account of the channel, until one takes the message.
    account_id = models.BigIntegerField(_("account"), db_default=0, default=0)
    # Who goes first of those that are due: the smaller.
    turn = models.SmallIntegerField(_("turn"), db_default=0, default=0)
    # A test send: in no statistics.
    test = models.BooleanField(_("test"), db_default=False, default=False)
    address = models.CharField(_("address"), max_length=1000, blank=True)
    subject = models.TextField(_("subject"), blank=True)
    body = models.TextField(_("text"), blank=True)
    html = models.TextField(_("formatted text"), blank=True, db_default="")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.QUEUED)
    reason = models.CharField(_("reason"), max_length=30, choices=Reason, blank=True)
    error = models.TextField(_("error"), blank=True)
    provider_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    # What only some channels have: buttons, the name of a provider's template and its variables.
    extras = models.JSONField(_("extras"), db_default={}, default=dict, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=4, null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField(_("due"))
    # Since when a frequency cap has been holding it.
    capped_since = models.DateTimeField(_("held by a cap since"), null=True)
    # When it was due while its scenario was paused, for as long as the pause holds it.
    paused_since = models.DateTimeField(_("held by a pause since"), null=True)
    created_at = models.DateTimeField(_("created"))
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    # What came back (semantics §26, §47): by a person. What machines and privacy proxies did is counted apart.
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    first_opened_at = models.DateTimeField(_("opened"), null=True)
    first_clicked_at = models.DateTimeField(_("clicked"), null=True)
    proxy_opens = models.PositiveSmallIntegerField(_("opens by privacy proxies"), db_default=0, default=0)
    machine_opens = models.PositiveSmallIntegerField(_("opens by machines"), db_default=0, default=0)
    machine_clicks = models.PositiveSmallIntegerField(_("clicks by machines"), db_default=0, default=0)
    # How many scenarios in a row led here: what follows without a person goes on counting (semantics §18).
    depth = models.PositiveSmallIntegerField(_("chain depth"), db_default=0, default=0, editable=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        permissions = [
            ("retry_message", _("Can send failed messages again")),
            ("export_message", _("Can take the log as a file")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run_id", "step_key", "visit", "attempt"], name="message_once"),
            models.UniqueConstraint(fields=["key"], name="message_key_unique", condition=~Q(key="")),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="message_due", condition=Q(status="queued")),
            # How the outbox takes them: account by account, in turn.
            models.Index(
                fields=["channel", "account_id", "turn", "due_at"], name="message_lane", condition=Q(status="queued")
            ),
            models.Index(fields=["claimed_at"], name="message_in_flight", condition=Q(status="sending")),
            models.Index(fields=["client", "-id"], name="message_client"),
            # What clients got lately, for caps.
            models.Index(fields=["client", "sent_at"], name="message_sent_to", condition=Q(sent_at__isnull=False)),
            models.Index(fields=["-id"], name="message_troubles", condition=Q(status__in=["failed", "unknown"])),
            models.Index(fields=["scenario_id", "-id"], name="message_scenario_newest"),
            models.Index(fields=["channel", "-id"], name="message_channel_newest"),
            # Of those that have one: most were sent and have none.
            models.Index(fields=["reason", "-id"], name="message_reason_newest", condition=~Q(reason="")),
            models.Index(fields=["provider_id"], name="message_provider_id", condition=~Q(provider_id="")),
            # A day's messages, for the results by the day: next to nothing to keep.
            BrinIndex(fields=["created_at"], name="message_created", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_channel_display()}"
