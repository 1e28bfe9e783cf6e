"""Accounts of push services."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models.fields import EncryptedTextField
from messaging.models.account import ChannelAccount
from messaging.models.content import Channel


class FcmAccount(ChannelAccount):
    """Firebase Cloud Messaging, HTTP v1: push to mobile apps."""

    CHANNELS = (Channel.PUSH,)
    SECRETS = ("service_account",)

    service_account = EncryptedTextField(
        _("key of the service account"), blank=True, help_text=_("The JSON file from the Firebase console, as it is.")
    )

    class Meta:
        verbose_name = _("Firebase (mobile push)")
        verbose_name_plural = _("Firebase (mobile push)")

    def key(self) -> dict[str, str]:
        """The parts of the key that are used. Raises ValueError where it is not one."""
        found = json.loads(self.service_account)
        if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in _OF_KEY):
            raise ValueError(", ".join(_OF_KEY))
        load_pem_private_key(found["private_key"].encode(), None)
        return {name: found[name] for name in _OF_KEY}

    def clean(self) -> None:
        if self.service_account:
            try:
                self.key()
            except ValueError as error:
                words = t("This is not the key of a service account: %(error)s") % {"error": error}
                raise ValidationError({"service_account": words}) from None


_OF_KEY = ("project_id", "client_email", "private_key")


def _private_key() -> str:
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


class WebPushAccount(ChannelAccount):
    """Push to browsers, by the services of their makers. The key is made here; a new one ends all subscriptions."""

    CHANNELS = (Channel.WEBPUSH,)

    contact = models.EmailField(_("contact e-mail"), help_text=_("Where the services of browsers write in trouble."))
    private_key = EncryptedTextField(default=_private_key, editable=False)

    class Meta:
        verbose_name = _("web push")
        verbose_name_plural = _("web push")

    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs what is sent (VAPID)."""
        padded = self.private_key + "=" * (-len(self.private_key) % 4)
        return ec.derive_private_key(int.from_bytes(base64.urlsafe_b64decode(padded), "big"), ec.SECP256R1())
