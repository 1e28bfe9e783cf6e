"""The bonus ledger: operations post entries over lots; nothing posted ever changes (semantics §30–37).

Amounts are integers in minor units of the programme. The database itself refuses UPDATE and DELETE
of operations and entries (migration `append_only`), and its constraints state what must always hold.
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.client import Client


class BonusAccount(models.Model):
    """A client's account: the row that is locked first, and a cache of Σ entries (semantics §31, §37)."""

    client = models.OneToOneField(Client, models.PROTECT, primary_key=True, verbose_name=_("client"))
    posted = models.BigIntegerField(
        _("posted"), default=0, help_text=_("Sum of all entries, pending and lapsed lots included.")
    )

    class Meta:
        verbose_name = _("bonus account")
        verbose_name_plural = _("bonus accounts")
        constraints = [models.CheckConstraint(condition=Q(posted__gte=0), name="bonus_account_not_negative")]


class BonusOperation(models.Model):
    """One posting: why the balance changed. Unique per (source, key): repeating it changes nothing (semantics §36)."""

    class Kind(models.TextChoices):
        ACCRUE = "accrue", _("accrual")
        SPEND = "spend", _("spending")
        BURN = "burn", _("burning")
        MERGE = "merge", _("merge of clients")

    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    amount = models.BigIntegerField(_("amount"), help_text=_("Signed: what it adds to the account."))
    source = models.CharField(_("source"), max_length=50)
    key = models.CharField(_("key"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, editable=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    posted_at = models.DateTimeField(_("posted"))

    class Meta:
        verbose_name = _("bonus operation")
        verbose_name_plural = _("bonus operations")
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="bonus_operation_unique")]
        indexes = [models.Index(fields=["client", "-id"], name="bonus_operation_client")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"


class BonusLot(models.Model):
    """What one credit granted and how much of it is left.

    Usable at `now` when `activates_at <= now` and `now < expires_at` (semantics §32).
    """

    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    operation = models.ForeignKey(BonusOperation, models.PROTECT, verbose_name=_("operation"))
    amount = models.BigIntegerField(_("granted"))
    remaining = models.BigIntegerField(_("remaining"))
    activates_at = models.DateTimeField(_("active from"))
    expires_at = models.DateTimeField(_("burns at"), null=True, blank=True)

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
        ]


class BonusEntry(models.Model):
    """How one operation changed one lot. Σ entries of a lot = its remaining amount."""

    operation = models.ForeignKey(BonusOperation, models.PROTECT, verbose_name=_("operation"))
    lot = models.ForeignKey(BonusLot, models.PROTECT, verbose_name=_("lot"))
    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    amount = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("bonus entry")
        verbose_name_plural = _("bonus entries")
        constraints = [
            models.UniqueConstraint(fields=["operation", "lot"], name="bonus_entry_unique"),
            models.CheckConstraint(condition=~Q(amount=0), name="bonus_entry_not_zero"),
        ]
