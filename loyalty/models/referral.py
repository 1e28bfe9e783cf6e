"""Referrals: the rules, and who brought whom (semantics §41)."""

import secrets

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.client import Client
from loyalty.models.ledger import BonusOperation
from loyalty.models.order import Order


def new_key() -> str:
    """A key for the codes of clients."""
    return secrets.token_hex(16)


class ReferralRules(models.Model):
    """What the programme gives for a friend: one row."""

    class When(models.TextChoices):
        REGISTRATION = "registration", _("at registration")
        ORDER = "order", _("after the first paid order and its return window")

    active = models.BooleanField(_("active"), default=False)
    url = models.CharField(
        _("address"),
        max_length=500,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text=_("Where a referral link leads; the code is added as ?ref=. Empty: a plain page with the code."),
    )
    when = models.CharField(pgettext_lazy("rules", "rewarded"), max_length=15, choices=When, default=When.ORDER)
    referrer_amount = models.PositiveIntegerField(
        _("bonuses for the one who invites"), default=0, help_text=_("In minor units of a bonus.")
    )
    referee_amount = models.PositiveIntegerField(
        _("bonuses for the friend"), default=0, help_text=_("In minor units of a bonus.")
    )
    lifetime_days = models.PositiveIntegerField(
        _("burn after days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: they never burn."),
    )
    window_days = models.PositiveIntegerField(
        _("return window in days"), default=14, help_text=_("After the payment of the friend's first order.")
    )
    min_order = models.BigIntegerField(
        _("order from"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Smallest total of the friend's order, in minor units of the currency."),
    )
    cap = models.PositiveIntegerField(
        _("friends rewarded at most"),
        null=True,
        blank=True,
        help_text=_("For one who invites; a friend beyond it is still rewarded. Empty: any number."),
    )
    valid_days = models.PositiveIntegerField(
        _("days to buy"),
        default=180,
        validators=[MinValueValidator(1)],
        help_text=_("A friend who has not bought by then is nobody's any more."),
    )
    # The codes of all clients follow from it (`loyalty.services.referral_codes`): it never changes.
    key = models.CharField(max_length=32, default=new_key, editable=False)

    class Meta:
        verbose_name = _("referral rules")
        verbose_name_plural = _("referral rules")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="referral_rules_single")]

    def __str__(self) -> str:
        return str(_("Referral rules"))

    def clean(self) -> None:
        if self.active and not (self.referrer_amount or self.referee_amount):
            raise ValidationError({"referrer_amount": _("Say what somebody gets.")})


class Referral(models.Model):
    """One friend, brought by one client: a friend is brought once (unique), and never by themselves."""

    class State(models.TextChoices):
        REGISTERED = "registered", _("registered, has not bought")
        WAITING = "waiting", _("waiting for the reward")
        REWARDED = "rewarded", _("rewarded")
        RETURNING = "returning", _("the order came back, bonuses are to be taken back")
        REVERSED = "reversed", _("taken back")
        REFUSED = "refused", _("refused")
        EXPIRED = "expired", _("did not buy in time")

    class Reason(models.TextChoices):
        SELF = "self", _("brought themselves")
        SAME_PHONE = "same_phone", _("the same phone")
        SAME_EMAIL = "same_email", _("the same e-mail")
        KNOWN = "known", _("was a client before")
        CIRCLE = "circle", _("was brought by this friend")
        CAP = "cap", _("the one who invites has reached the cap: only the friend is rewarded")
        RETURNED = "returned", _("the order was cancelled or returned")

    referrer = models.ForeignKey(Client, models.PROTECT, related_name="brought", verbose_name=_("who invites"))
    referee = models.OneToOneField(Client, models.PROTECT, related_name="brought_by", verbose_name=_("friend"))
    code = models.CharField(_("code"), max_length=32)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.REGISTERED)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, blank=True)
    registered_at = models.DateTimeField(_("registered"))
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, verbose_name=_("order"))
    # When the reward, or its return, is due.
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("decided"), null=True, blank=True)
    referrer_operation = models.ForeignKey(
        BonusOperation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("bonuses for the one who invites"),
    )
    referee_operation = models.ForeignKey(
        BonusOperation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("bonuses for the friend"),
    )

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        constraints = [
            models.CheckConstraint(
                condition=~Q(referrer=F("referee")) | Q(state="refused"), name="referral_not_of_oneself"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["waiting", "returning"]) | Q(due_at__isnull=False), name="referral_due"
            ),
        ]
        indexes = [
            models.Index(fields=["registered_at"], name="referral_open", condition=Q(state="registered")),
            models.Index(fields=["due_at"], name="referral_due_at", condition=Q(state__in=["waiting", "returning"])),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
