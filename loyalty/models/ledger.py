"""The bonus ledger: operations post entries over lots; nothing posted ever changes (semantics §30–37).

Amounts are integers in minor units of the programme. The database itself refuses UPDATE and DELETE
of operations and entries, checks at commit that every operation equals its entries and every lot what
is left of its own (migrations `append_only`, `ledger_sums`), and its constraints state what must always hold:

    Σ entries of an account = posted = Σ remaining of its lots − debt
"""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models.client import Client


class BonusAccount(models.Model):
    """A client's account: the row that is locked first, and caches of its entries (semantics §31, §37)."""

    client = models.OneToOneField(Client, models.PROTECT, primary_key=True, verbose_name=_("client"))
    posted = models.BigIntegerField(
        _("posted"), default=0, help_text=_("Sum of all entries: what is left of all lots, less the debt.")
    )
    debt = models.BigIntegerField(
        _("debt"), default=0, help_text=_("Earned bonuses taken back after they were spent; the next credit repays it.")
    )

    class Meta:
        verbose_name = _("bonus account")
        verbose_name_plural = _("bonus accounts")
        constraints = [
            models.CheckConstraint(condition=Q(debt__gte=0), name="bonus_account_debt"),
            models.CheckConstraint(condition=Q(posted__gte=-F("debt")), name="bonus_account_not_negative"),
        ]

    def __str__(self) -> str:
        return f"#{self.client_id}: {self.posted}"


class BonusOperation(models.Model):
    """One posting: why the balance changed. Unique per (source, key): repeating it changes nothing (semantics §36)."""

    class Kind(models.TextChoices):
        ACCRUE = "accrue", _("accrual")
        SPEND = "spend", _("spending")
        REFUND = "refund", _("return of spent bonuses")
        CLAWBACK = "clawback", _("clawback of earned bonuses")
        CORRECT = "correct", _("correction")
        WITHDRAW = "withdraw", _("withdrawal")
        BURN = "burn", _("burning")
        MERGE = "merge", _("merge of clients")

    client = models.ForeignKey(Client, models.PROTECT, db_index=False, verbose_name=_("client"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    amount = models.BigIntegerField(_("amount"), help_text=_("Signed: what it adds to the account."))
    source = models.CharField(_("source"), max_length=50)
    key = models.CharField(_("key"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, editable=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    of = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="followed_by", verbose_name=_("of operation")
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, verbose_name=_("author")
    )
    posted_at = models.DateTimeField(_("posted"))

    class Meta:
        verbose_name = _("bonus operation")
        verbose_name_plural = _("bonus operations")
        permissions = [("correct_bonuses", _("Can accrue and correct bonuses by hand, and release holds"))]
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="bonus_operation_unique")]
        indexes = [
            models.Index(fields=["client", "-id"], name="bonus_operation_client"),
            # A day's postings, for results by the day: next to nothing to keep.
            BrinIndex(fields=["posted_at"], name="bonus_operation_posted", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"


class BonusLot(models.Model):
    """What one credit granted and how much of it is left.

    Usable at `now` when `activates_at <= now` and `now < expires_at` (semantics §32), but for what a hold reserves.
    """

    client = models.ForeignKey(Client, models.PROTECT, db_index=False, verbose_name=_("client"))
    operation = models.ForeignKey(BonusOperation, models.PROTECT, verbose_name=_("operation"))
    amount = models.BigIntegerField(pgettext_lazy("bonuses", "granted"))
    remaining = models.BigIntegerField(_("remaining"))
    activates_at = models.DateTimeField(_("active from"))
    expires_at = models.DateTimeField(_("burns at"), null=True, blank=True)
    warn_at = models.DateTimeField(
        _("warn at"), null=True, blank=True, help_text=_("When to warn of the burning; empty once that was done.")
    )
    notify_burn = models.BooleanField(_("tell when burnt"), default=False)

    class Meta:
        verbose_name = _("bonus lot")
        verbose_name_plural = _("bonus lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining__gte=0) & Q(remaining__lte=F("amount")) & Q(amount__gt=0), name="bonus_lot_bounds"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("activates_at")), name="bonus_lot_life"
            ),
        ]
        indexes = [
            models.Index(fields=["client", "id"], name="bonus_lot_client"),
            models.Index(
                F("client"),
                F("expires_at").asc(nulls_last=True),
                F("activates_at"),
                F("id"),
                name="bonus_lot_spend_order",
                condition=Q(remaining__gt=0),
            ),
            models.Index(
                fields=["expires_at"], name="bonus_lot_expiry", condition=Q(remaining__gt=0, expires_at__isnull=False)
            ),
            models.Index(fields=["warn_at"], name="bonus_lot_warning", condition=Q(warn_at__isnull=False)),
            # Whose balance time alone changed: lots that became active, holds that lapsed.
            BrinIndex(fields=["activates_at"], name="bonus_lot_activation", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.remaining} / {self.amount}"


class BonusEntry(models.Model):
    """How one operation changed one lot, or (without a lot) the debt. Σ entries of a lot = its remaining amount."""

    operation = models.ForeignKey(BonusOperation, models.PROTECT, db_index=False, verbose_name=_("operation"))
    lot = models.ForeignKey(BonusLot, models.PROTECT, null=True, verbose_name=_("lot"))
    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    amount = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("bonus entry")
        verbose_name_plural = _("bonus entries")
        constraints = [
            models.UniqueConstraint(fields=["operation", "lot"], name="bonus_entry_unique", nulls_distinct=False),
            models.CheckConstraint(condition=~Q(amount=0), name="bonus_entry_not_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+}"


class BonusHold(models.Model):
    """Bonuses set aside for an order until a deadline (exclusive): captured or released at most once (semantics §34).

    After the deadline it reserves nothing, whether or not anybody has looked at it.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")

    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    source = models.CharField(_("source"), max_length=50)
    key = models.CharField(_("key"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, editable=False)
    amount = models.BigIntegerField(_("held"))
    captured = models.BigIntegerField(_("captured"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    operation = models.OneToOneField(
        BonusOperation, models.PROTECT, null=True, related_name="hold", verbose_name=_("operation")
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    deadline = models.DateTimeField(_("deadline"))
    created_at = models.DateTimeField(_("created"))
    resolved_at = models.DateTimeField(_("resolved"), null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="bonus_hold_unique"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, captured__gte=0, captured__lte=F("amount")), name="bonus_hold_bounds"
            ),
            models.CheckConstraint(
                condition=Q(state="captured", captured__gt=0, operation__isnull=False)
                | ~Q(state="captured") & Q(captured=0, operation__isnull=True),
                name="bonus_hold_captured_has_operation",
            ),
        ]
        indexes = [BrinIndex(fields=["deadline"], name="bonus_hold_deadline", autosummarize=True)]

    def __str__(self) -> str:
        return f"{self.amount} ({self.get_state_display()})"


class BonusHoldAllocation(models.Model):
    """What a hold reserves of one lot. Rows are taken in order of their ids."""

    hold = models.ForeignKey(BonusHold, models.CASCADE, related_name="allocations", verbose_name=_("hold"))
    lot = models.ForeignKey(BonusLot, models.PROTECT, verbose_name=_("lot"))
    amount = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("allocation of a hold")
        verbose_name_plural = _("allocations of holds")
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="bonus_allocation_positive")]

    def __str__(self) -> str:
        return f"{self.amount}"
