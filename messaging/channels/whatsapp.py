"""WhatsApp through Twilio: free text within a conversation, approved templates at any time."""

from typing import Any

import orjson

from messaging.channels.twilio import Twilio
from messaging.models import Message


class WhatsApp(Twilio):
    """What `extras` names as `content` (a template's SID) is sent with its `variables`, quick replies and all."""

    def _number(self, message: Message) -> str:
        return f"whatsapp:{message.address}"

    def _request(self, message: Message) -> dict[str, Any]:
        told = super()._request(message)
        if "from_" in told:
            told["from_"] = f"whatsapp:{told['from_']}"
        if content := message.extras.get("content"):
            del told["body"]
            told["content_sid"] = content
            told["content_variables"] = orjson.dumps(message.extras.get("variables", {})).decode()
        return told
