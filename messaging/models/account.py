"""Channel accounts: through what messages leave, edited by staff (semantics §21)."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from polymorphic.models import PolymorphicModel

from messaging.models.content import Channel


class ChannelAccount(PolymorphicModel):
    """An account at a provider. One class per kind of provider adds what that one needs.

    There are few of them: they are loaded whole and kept until one changes (`services/accounts.py`). What changes
    with every batch of messages is `AccountState`.
    """

    # The channels that a kind of account can serve; of several, staff choose.
    CHANNELS: tuple[Channel, ...] = ()
    # Kept on saving a form where they were left empty, and never shown.
    SECRETS: tuple[str, ...] = ()

    name = models.CharField(_("name"), max_length=100)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    is_default = models.BooleanField(
        _("main account of the channel"),
        default=False,
        help_text=_("What names no account goes through this one. Of several, one is the main one; else the oldest."),
    )
    active = models.BooleanField(_("active"), default=True)
    stopped = models.BooleanField(
        _("stop sending"), default=False, help_text=_("Nothing leaves through this account; messages wait.")
    )
    rate = models.DecimalField(
        _("messages per second"),
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("At most, of all processes together. Empty: as fast as the provider takes them."),
    )
    concurrency = models.PositiveSmallIntegerField(
        _("calls at the same time"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(500)],
        help_text=_("In each sending process."),
    )
    timeout = models.PositiveSmallIntegerField(
        _("seconds to wait for an answer"), default=15, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    price = models.DecimalField(
        _("price of a message"),
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("In the currency of the programme; of an SMS, of each of its parts. Empty: the channel's price."),
    )
    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        verbose_name = _("channel account")
        verbose_name_plural = _("channel accounts")
        permissions = [("test_channelaccount", _("Can send a test through an account"))]
        constraints = [
            models.UniqueConstraint(
                fields=["channel"], name="account_one_default", condition=models.Q(is_default=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sender(self) -> str:
        """From whom messages of this account come, as their readers see it; empty where there is no such thing."""
        return ""


class AccountState(models.Model):
    """What sending leaves behind: a row an account, written with every batch."""

    account = models.OneToOneField(ChannelAccount, models.CASCADE, primary_key=True, related_name="state")
    # The next free moment of an account with a rate, and the end of the patience that a provider asked for.
    free_at = models.DateTimeField(null=True)
    # The newest outcomes, the last one last: "+" the provider did what it should, "-" it did not.
    recent = models.CharField(max_length=100, blank=True, default="")
    error = models.CharField(_("last error"), max_length=500, blank=True, default="")
    failed_at = models.DateTimeField(_("last failure"), null=True)
    sent_at = models.DateTimeField(_("last sent"), null=True)

    class Meta:
        verbose_name = _("state of an account")
        verbose_name_plural = _("states of accounts")

    def __str__(self) -> str:
        return f"#{self.account_id}"


class SendingSwitch(models.Model):
    """The switch that stops everything: one row at most."""

    stopped = models.BooleanField(_("all sending is stopped"), default=False)
    since = models.DateTimeField(_("since"), null=True)
    by = models.CharField(_("by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("switch of all sending")
        verbose_name_plural = _("switch of all sending")
        permissions = [("stop_sending", _("Can stop all sending"))]

    def __str__(self) -> str:
        return str(self.stopped)
