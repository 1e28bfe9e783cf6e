"""Who the clients are."""

from django.db import models
from django.db.models.functions import ExtractDay, ExtractMonth
from django.utils.translation import gettext_lazy as _

from loyalty.models.source import Source
from loyalty.models.store import Store


class Client(models.Model):
    """A member of the programme. Names by which others know it are Identity rows."""

    class Gender(models.TextChoices):
        FEMALE = "f", _("female")
        MALE = "m", _("male")

    class PhoneQuality(models.TextChoices):
        VALID = "valid", _("valid")
        DOUBTFUL = "doubtful", _("doubtful: right length, unknown range")
        UNUSABLE = "unusable", _("unusable")

    phone = models.CharField(_("phone"), max_length=16, blank=True, help_text=_("In E.164, empty when unusable."))
    phone_given = models.CharField(_("phone as given"), max_length=100, blank=True)
    phone_quality = models.CharField(_("phone quality"), max_length=10, choices=PhoneQuality, blank=True)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    first_name = models.CharField(_("first name"), max_length=150, blank=True)
    last_name = models.CharField(_("last name"), max_length=150, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    gender = models.CharField(_("gender"), max_length=1, choices=Gender, blank=True)
    zone = models.CharField(
        _("time zone"), max_length=64, blank=True, help_text=_("IANA name; empty: the store's, else the programme's.")
    )
    store = models.ForeignKey(
        Store, models.SET_NULL, null=True, blank=True, related_name="clients", db_index=False,
        verbose_name=_("home store"),
    )  # fmt: skip
    language = models.CharField(_("language"), max_length=10, blank=True)
    attributes = models.JSONField(_("custom attributes"), default=dict, blank=True)
    registered_at = models.DateTimeField(_("registered"), null=True, blank=True)
    profile_changed_at = models.DateTimeField(_("profile changed"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    erased_at = models.DateTimeField(_("erased"), null=True, editable=False)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="merged", verbose_name=_("merged into")
    )

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        permissions = [("erase_client", _("Can hand out and erase personal data"))]
        indexes = [
            models.Index(fields=["phone"], name="client_phone", condition=~models.Q(phone="")),
            models.Index(fields=["email"], name="client_email", condition=~models.Q(email="")),
            models.Index(fields=["store"], name="client_store", condition=models.Q(store__isnull=False)),
            # Whose birthday is on a day, whatever the year; who registered when; which zones there are.
            models.Index(
                ExtractMonth("birthday") * 100 + ExtractDay("birthday"),
                name="client_birthday",
                condition=models.Q(birthday__isnull=False),
            ),
            models.Index(
                fields=["registered_at"], name="client_registered", condition=models.Q(registered_at__isnull=False)
            ),
            models.Index(fields=["zone"], name="client_zone", condition=~models.Q(zone="")),
        ]

    def __str__(self) -> str:
        name = f"{self.first_name} {self.last_name}".strip()
        return name or self.email or self.phone or f"#{self.pk}"


class Identity(models.Model):
    """A name by which somebody knows a client: unique, so that a name leads to one client (semantics §2).

    `scope` is the source's slug for names that a source gives (its customer id, an anonymous id) and
    empty for names that mean the same everywhere (phone, e-mail).
    """

    class Kind(models.TextChoices):
        EXTERNAL = "external", _("external id")
        PHONE = "phone", _("phone")
        EMAIL = "email", _("e-mail")
        ANONYMOUS = "anonymous", _("anonymous id")

    client = models.ForeignKey(Client, models.CASCADE, related_name="identities", verbose_name=_("client"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    scope = models.CharField(_("scope"), max_length=50, blank=True)
    value = models.CharField(_("value"), max_length=254)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [models.UniqueConstraint(fields=["kind", "scope", "value"], name="identity_unique")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"


class Consent(models.Model):
    """What a client allowed or forbade, with its evidence. Rows are only added; the newest decides (semantics §27).

    It lives beside the client rather than in messaging because intake has to write it in the
    transaction of the event that carries it (docs/architecture.md).
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")
        SMS = "sms", _("SMS")
        WHATSAPP = "whatsapp", _("WhatsApp")
        TELEGRAM = "telegram", _("Telegram")
        VK = "vk", _("VK")
        PUSH = "push", _("mobile push")
        WEBPUSH = "webpush", _("web push")
        # Viber and whatever else a gateway reaches by phone.
        MESSENGER = "messenger", _("messenger")

    client = models.ForeignKey(
        Client, models.CASCADE, related_name="consents", db_index=False, verbose_name=_("client")
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    topic = models.CharField(_("topic"), max_length=50, default="marketing")
    granted = models.BooleanField(_("granted"))
    source = models.ForeignKey(Source, models.PROTECT, db_index=False, verbose_name=_("source"))
    evidence = models.CharField(_("evidence"), max_length=200, blank=True, help_text=_("Field or form it came from."))
    text_version = models.CharField(_("text version"), max_length=50, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    agent = models.CharField(_("browser"), max_length=300, blank=True, db_default="", default="")
    given_at = models.DateTimeField(_("given"))

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            # A shop repeats what it knows in every order: the same word is one row.
            models.UniqueConstraint(
                fields=["client", "channel", "topic", "source", "given_at", "granted"], name="consent_once"
            )
        ]
        indexes = [models.Index(fields=["client", "channel", "topic", "-given_at", "-id"], name="consent_newest")]

    def __str__(self) -> str:
        return f"{self.channel}/{self.topic}: {'+' if self.granted else '−'}"
