"""Amazon SES reports through topics of SNS. Its library is not needed to hear it, nor keys of AWS."""

import re

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView

from messaging.channels import http, wire

# Where SNS wants to hear that the subscription is meant; nothing else is called.
_CONFIRM = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/\?[^\s#]+")
TIMEOUT = 10.0  # seconds


class SesTracking(AmazonSESTrackingWebhookView):
    """Without the set-up of boto3, which would only confirm the subscription."""

    def __init__(self, **kwargs: object) -> None:
        AnymailBaseWebhookView.__init__(self, **kwargs)

    def auto_confirm_sns_subscription(self, sns_message: dict[str, object]) -> None:
        """Confirms by the address that SNS gave: who calls here knows our secret (EMAIL_WEBHOOK_SECRET)."""
        url = str(sns_message.get("SubscribeURL", ""))
        if not _CONFIRM.fullmatch(url):
            raise AnymailWebhookValidationFailure("SubscribeURL: is not SNS's")
        wire().run(http.call("GET", url, timeout=TIMEOUT))
