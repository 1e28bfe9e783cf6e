"""E-mail accounts."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models.fields import EncryptedTextField
from messaging.models.account import ChannelAccount
from messaging.models.content import Channel


class SmtpAccount(ChannelAccount):
    """A mail server."""

    CHANNELS = (Channel.EMAIL,)
    SECRETS = ("password",)

    class Security(models.TextChoices):
        STARTTLS = "starttls", _("STARTTLS (usual with port 587)")
        TLS = "tls", _("TLS from the start (usual with port 465)")
        NONE = "none", _("none: a server inside")

    from_email = models.CharField(_("from"), max_length=254, help_text=_("Shop <news@shop.example>"))
    host = models.CharField(_("server"), max_length=253)
    port = models.PositiveIntegerField(
        _("port"), default=587, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    security = models.CharField(_("encryption"), max_length=10, choices=Security, default=Security.STARTTLS)
    username = models.CharField(_("user name"), max_length=254, blank=True)
    password = EncryptedTextField(_("password"), blank=True)

    class Meta:
        verbose_name = _("mail server (SMTP)")
        verbose_name_plural = _("mail servers (SMTP)")

    @property
    def sender(self) -> str:
        return self.from_email


class EspAccount(ChannelAccount):
    """An e-mail service with an API of its own, by django-anymail."""

    CHANNELS = (Channel.EMAIL,)
    SECRETS = ("options",)

    class Service(models.TextChoices):
        UNISENDER_GO = "unisender_go", "Unisender Go"
        MAILGUN = "mailgun", "Mailgun"
        SENDGRID = "sendgrid", "SendGrid"
        POSTMARK = "postmark", "Postmark"
        BREVO = "brevo", "Brevo"
        MAILJET = "mailjet", "Mailjet"
        MAILERSEND = "mailersend", "MailerSend"
        MAILTRAP = "mailtrap", "Mailtrap"
        MANDRILL = "mandrill", "Mandrill"
        RESEND = "resend", "Resend"
        SPARKPOST = "sparkpost", "SparkPost"
        POSTAL = "postal", "Postal"

    service = models.CharField(_("service"), max_length=20, choices=Service)
    from_email = models.CharField(_("from"), max_length=254, help_text=_("Shop <news@shop.example>"))
    options = EncryptedTextField(
        _("keys"),
        blank=True,
        help_text=_("One a line, by the names of django-anymail: api_key = …, server_token = …, api_url = …"),
    )

    class Meta:
        verbose_name = _("e-mail service (API)")
        verbose_name_plural = _("e-mail services (API)")

    @property
    def sender(self) -> str:
        return self.from_email

    def settings(self) -> dict[str, str]:
        """The options by name. Raises ValueError naming the line that is none."""
        found: dict[str, str] = {}
        for number, line in enumerate(self.options.splitlines(), 1):
            if not line.strip():
                continue
            name, equals, value = (part.strip() for part in line.partition("="))
            if not equals or not name.isidentifier() or not value:
                raise ValueError(number)
            found[name.lower()] = value
        return found
