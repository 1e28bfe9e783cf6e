"""Any provider with an HTTP address: what it wants and what it answers is told by staff, not by code."""

import json

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models.fields import EncryptedTextField
from messaging.models.account import ChannelAccount
from messaging.models.content import Channel

BODY = """{
  "to": "{{ digits }}",
  "text": "{{ text }}",
  "id": "{{ id }}"
}"""


class GatewayAccount(ChannelAccount):
    """A gateway for SMS, Viber or whatever else goes by phone."""

    CHANNELS = (Channel.SMS, Channel.MESSENGER, Channel.WHATSAPP, Channel.PUSH)
    SECRETS = ("headers", "secret")

    class Method(models.TextChoices):
        POST = "POST", "POST"
        PUT = "PUT", "PUT"
        GET = "GET", "GET"

    class Kind(models.TextChoices):
        JSON = "json", _("JSON")
        FORM = "form", _("form")
        QUERY = "query", _("in the address, after the question mark")

    url = models.URLField(_("address"), max_length=500)
    method = models.CharField(_("method"), max_length=4, choices=Method, default=Method.POST)
    headers = EncryptedTextField(
        _("headers"), blank=True, help_text=_("One a line: “Authorization: Bearer …”. Never shown again.")
    )
    secret = EncryptedTextField(_("secret"), blank=True, help_text=_("Stands for {{ secret }} in the fields."))
    kind = models.CharField(_("fields are sent as"), max_length=5, choices=Kind, default=Kind.JSON)
    body = models.TextField(
        _("fields"),
        default=BODY,
        max_length=20_000,
        help_text=_(
            "JSON. Its texts may say {{ to }}, {{ digits }} (the phone without “+”), {{ text }}, {{ subject }},"
            " {{ id }}, {{ sender }} and {{ secret }}."
        ),
    )
    number = models.CharField(_("sender"), max_length=40, blank=True)
    id_path = models.CharField(
        _("where the answer has the message's id"),
        max_length=100,
        blank=True,
        help_text=_("For example: messages.0.id"),
    )
    error_path = models.CharField(
        _("where the answer has the error"), max_length=100, blank=True, help_text=_("For example: error.text")
    )
    code_path = models.CharField(
        _("where the answer has a code"),
        max_length=100,
        blank=True,
        help_text=_("For providers that answer 200 and mean something else. For example: status"),
    )
    fine_codes = models.CharField(
        _("codes of success"),
        max_length=300,
        blank=True,
        help_text=_("By commas. Empty: any code that is not named below."),
    )
    later_codes = models.CharField(
        _("codes of “try again later”"), max_length=300, blank=True, help_text=_("By commas; HTTP statuses too.")
    )
    address_codes = models.CharField(
        _("codes of a bad address"),
        max_length=300,
        blank=True,
        help_text=_("By commas; HTTP statuses too. Nothing more is sent to such an address."),
    )
    refused_codes = models.CharField(
        _("codes of refusal"), max_length=300, blank=True, help_text=_("By commas; HTTP statuses too.")
    )

    class Meta:
        verbose_name = _("HTTP gateway (SMS, Viber and others)")
        verbose_name_plural = _("HTTP gateways (SMS, Viber and others)")

    @property
    def sender(self) -> str:
        return self.number

    def clean(self) -> None:
        try:
            fields = json.loads(self.body)
        except ValueError as error:
            raise ValidationError({"body": t("This is not JSON: %(error)s") % {"error": error}}) from None
        if self.kind != self.Kind.JSON and not (
            isinstance(fields, dict) and all(isinstance(value, str | int) for value in fields.values())
        ):
            raise ValidationError({"body": t("A form has names with texts, nothing below them.")})
        for line in self.headers.splitlines():
            name, colon, value = (part.strip() for part in line.partition(":"))
            if line.strip() and not (
                colon and value.isprintable() and name.replace("-", "").replace("_", "").isalnum()
            ):
                raise ValidationError({"headers": t("Not a header: %(line)s") % {"line": line[:50]}})
