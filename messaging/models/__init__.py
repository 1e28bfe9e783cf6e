"""What is said: the content of messages, the send log, the addresses that must not be written to."""

from messaging.models.content import Channel, MessageContent
from messaging.models.message import Message, Reason, Recipient, Status
from messaging.models.price import ChannelPrice
from messaging.models.sink import SinkEmail
from messaging.models.suppression import Suppression

__all__ = [
    "Channel",
    "ChannelPrice",
    "Message",
    "MessageContent",
    "Reason",
    "Recipient",
    "SinkEmail",
    "Status",
    "Suppression",
]
