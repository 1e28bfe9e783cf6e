"""Promo codes: what they give, the codes themselves, who was given one, and who used it (semantics §42)."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.client import Client


class PromoPool(models.Model):
    """Codes that give the same under the same rules. The shop applies what a code gives; we say whether it may be used.

    A personal pool holds many codes, each handed to one client; a shared one holds one code for everybody.
    """

    class Kind(models.TextChoices):
        PERSONAL = "personal", _("personal: every client gets a code of their own")
        SHARED = "shared", _("shared: one code for everybody")

    class Gives(models.TextChoices):
        PERCENT = "percent", _("a percentage off")
        AMOUNT = "amount", _("a fixed amount off")
        GIFT = "gift", _("a gift")

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), unique=True, max_length=50, help_text=_("Its name in exported scenarios."))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.PERSONAL)
    gives = models.CharField(_("gives"), max_length=10, choices=Gives, default=Gives.PERCENT)
    percent = models.DecimalField(
        _("percent"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    amount = models.BigIntegerField(
        _("amount"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("In minor units of the currency."),
    )
    gift = models.CharField(_("gift"), max_length=300, blank=True, help_text=_("What the shop hands over."))
    min_order = models.BigIntegerField(
        _("order from"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Smallest order's total, in minor units of the currency."),
    )
    uses_per_code = models.PositiveIntegerField(
        _("uses of one code"),
        null=True,
        blank=True,
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: any number."),
    )
    uses_per_client = models.PositiveIntegerField(
        _("uses by one client"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Over all codes of the pool; empty: any number. A use that names no client is then refused."),
    )
    starts_at = models.DateTimeField(_("valid from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("valid before"), null=True, blank=True)
    days_after_issue = models.PositiveIntegerField(
        _("days after issue"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("A code that was issued lives this many days more, the last one to its end."),
    )
    length = models.PositiveSmallIntegerField(
        _("length of a code"), default=12, validators=[MinValueValidator(12), MaxValueValidator(32)]
    )
    warn_below = models.PositiveIntegerField(
        _("warn below"), default=100, help_text=_("Staff are warned when fewer codes than this are left.")
    )
    active = models.BooleanField(_("active"), default=True)
    # Set when a code was asked for and none was left; cleared when codes are added.
    dry_at = models.DateTimeField(_("ran dry"), null=True, editable=False)

    class Meta:
        verbose_name = _("promo code pool")
        verbose_name_plural = _("promo code pools")
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="promo_pool_life",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        needed = {self.Gives.PERCENT: "percent", self.Gives.AMOUNT: "amount", self.Gives.GIFT: "gift"}
        field = needed.get(self.Gives(self.gives)) if self.gives in self.Gives.values else None
        if field and not getattr(self, field):
            raise ValidationError({field: _("Say how much, or what, the code gives.")})
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": _("This is before the beginning.")})


class PromoCode(models.Model):
    """One code. `normal` is how it is looked up: case, spaces, dashes and look-alikes make no difference."""

    pool = models.ForeignKey(PromoPool, models.PROTECT, related_name="codes", db_index=False, verbose_name=_("pool"))
    code = models.CharField(_("code"), max_length=64)
    normal = models.CharField(_("normalised"), max_length=32, unique=True)
    # The owner of a personal code; a shared one has none.
    client = models.ForeignKey(Client, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("client"))
    issued_at = models.DateTimeField(_("issued"), null=True, blank=True)
    uses = models.PositiveIntegerField(_("uses"), default=0)
    max_uses = models.PositiveIntegerField(_("uses at most"), null=True, blank=True)
    blocked = models.BooleanField(_("blocked"), default=False)

    class Meta:
        verbose_name = _("promo code")
        verbose_name_plural = _("promo codes")
        constraints = [
            models.CheckConstraint(
                condition=Q(max_uses__isnull=True) | Q(uses__lte=F("max_uses")), name="promo_code_limit"
            )
        ]
        indexes = [
            # What is left of a pool: claimed from its low end with SKIP LOCKED, and counted.
            models.Index(
                fields=["pool", "id"], name="promo_code_free", condition=Q(issued_at__isnull=True, blocked=False)
            ),
            models.Index(fields=["pool", "-id"], name="promo_code_pool"),
            models.Index(fields=["client"], name="promo_code_client", condition=Q(client__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.code


class PromoIssue(models.Model):
    """A code handed to a client, once per (pool, key); its last moment is fixed then."""

    pool = models.ForeignKey(PromoPool, models.PROTECT, db_index=False, verbose_name=_("pool"))
    code = models.ForeignKey(PromoCode, models.PROTECT, related_name="issues", verbose_name=_("code"))
    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    key = models.CharField(_("key"), max_length=200)
    issued_at = models.DateTimeField(_("issued"))
    expires_at = models.DateTimeField(_("valid before"), null=True)

    class Meta:
        verbose_name = _("issued promo code")
        verbose_name_plural = _("issued promo codes")
        constraints = [models.UniqueConstraint(fields=["pool", "key"], name="promo_issue_unique")]
        indexes = [
            models.Index(fields=["expires_at"], name="promo_issue_expiry", condition=Q(expires_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class PromoRedemption(models.Model):
    """One use of a code. Cancelling it gives the use back."""

    code = models.ForeignKey(PromoCode, models.PROTECT, related_name="redemptions", verbose_name=_("code"))
    pool = models.ForeignKey(PromoPool, models.PROTECT, db_index=False, verbose_name=_("pool"))
    client = models.ForeignKey(Client, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("client"))
    order_ref = models.CharField(_("order"), max_length=200, blank=True, help_text=_("The order's id in the shop."))
    order_total = models.BigIntegerField(_("order's total"), null=True)
    source = models.CharField(_("source"), max_length=50)
    key = models.CharField(_("key"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, editable=False)
    redeemed_at = models.DateTimeField(_("used"))
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)

    class Meta:
        verbose_name = _("use of a promo code")
        verbose_name_plural = _("uses of promo codes")
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="promo_redemption_unique"),
            models.UniqueConstraint(
                fields=["code", "order_ref"],
                condition=Q(cancelled_at__isnull=True) & ~Q(order_ref=""),
                name="promo_once_an_order",
            ),
        ]
        indexes = [
            models.Index(fields=["client", "pool"], name="promo_redemption_client"),
            models.Index(fields=["order_ref"], name="promo_redemption_order", condition=~Q(order_ref="")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class PromoRefusal(models.Model):
    """Why a code was refused: for staff alone, everybody else reads one and the same text (semantics §42)."""

    class Reason(models.TextChoices):
        UNKNOWN = "unknown", _("there is no such code")
        FOREIGN = "foreign", _("it belongs to another client")
        INACTIVE = "inactive", _("the pool or the code is switched off")
        NOT_ISSUED = "not_issued", _("it was not issued to anybody yet")
        EARLY = "early", _("before its validity")
        EXPIRED = "expired", _("after its validity")
        USED_UP = "used_up", _("used as often as it may be")
        CLIENT_LIMIT = "client_limit", _("the client used the pool as often as they may")
        CLIENT_NEEDED = "client_needed", _("the client is not named, and uses by client are limited")
        SMALL_ORDER = "small_order", _("the order is too small")
        THROTTLED = "throttled", _("too many wrong codes in a short time")

    said = models.CharField(_("code as typed"), max_length=64)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    caller = models.CharField(_("asked by"), max_length=100, blank=True)
    client = models.ForeignKey(Client, models.CASCADE, null=True, blank=True, db_index=False, verbose_name=_("client"))
    refused_at = models.DateTimeField(_("refused"))

    class Meta:
        verbose_name = _("refused promo code")
        verbose_name_plural = _("refused promo codes")
        indexes = [
            models.Index(fields=["caller", "refused_at"], name="promo_refusal_caller"),
            models.Index(
                fields=["client", "refused_at"], name="promo_refusal_client", condition=Q(client__isnull=False)
            ),
            models.Index(fields=["refused_at"], name="promo_refusal_time"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class PromoBatch(models.Model):
    """Codes on their way into a pool, generated or uploaded: worked off in slices, each with its progress.

    A job that dies loses its slice and nothing else: `done` says how far the work has come.
    """

    class Kind(models.TextChoices):
        GENERATE = "generate", _("generated")
        UPLOAD = "upload", _("uploaded")

    pool = models.ForeignKey(PromoPool, models.PROTECT, related_name="batches", verbose_name=_("pool"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    wanted = models.PositiveIntegerField(_("wanted"), help_text=_("Codes to generate, or lines to read."))
    done = models.PositiveIntegerField(_("done"), default=0)
    added = models.PositiveIntegerField(_("codes added"), default=0)
    refused = models.PositiveIntegerField(_("lines refused"), default=0)
    # The first refused lines: [line number, what it says, why].
    report = models.JSONField(_("refused lines"), default=list)
    # What is still to be read of an upload; emptied at the end.
    text = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("addition of promo codes")
        verbose_name_plural = _("additions of promo codes")
        indexes = [models.Index(fields=["id"], name="promo_batch_open", condition=Q(finished_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.done} / {self.wanted}"
