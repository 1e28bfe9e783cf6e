"""What is said: the content of messages, the send log, the addresses that must not be written to."""

from messaging.models.account import AccountState, ChannelAccount, SendingSwitch
from messaging.models.account_email import SmtpAccount
from messaging.models.account_twilio import TwilioAccount
from messaging.models.content import Channel, MessageContent
from messaging.models.message import Message, Reason, Recipient, Status
from messaging.models.price import ChannelPrice
from messaging.models.sink import SinkEmail
from messaging.models.suppression import Suppression
from messaging.models.tracking import Link, Touch

__all__ = [
    "AccountState",
    "Channel",
    "ChannelAccount",
    "ChannelPrice",
    "Link",
    "Message",
    "MessageContent",
    "Reason",
    "Recipient",
    "SendingSwitch",
    "SinkEmail",
    "SmtpAccount",
    "Status",
    "Suppression",
    "Touch",
    "TwilioAccount",
]
