"""What is said: the content of messages, the send log, the addresses that must not be written to."""

from messaging.models.account import AccountState, ChannelAccount, SendingSwitch
from messaging.models.account_email import SmtpAccount
from messaging.models.account_twilio import TwilioAccount
from messaging.models.cap import FrequencyCap
from messaging.models.content import Channel, MessageContent
from messaging.models.message import Message, Reason, Recipient, Status
from messaging.models.pause import PauseDate
from messaging.models.price import ChannelPrice
from messaging.models.sink import SinkEmail
from messaging.models.suppression import Suppression
from messaging.models.topic import BONUS_NOTICES, MARKETING, SERVICE, Topic
from messaging.models.tracking import Link, Touch
from messaging.models.window import Outside, SendWindow

__all__ = [
    "BONUS_NOTICES",
    "MARKETING",
    "SERVICE",
    "AccountState",
    "Channel",
    "ChannelAccount",
    "ChannelPrice",
    "FrequencyCap",
    "Link",
    "Message",
    "MessageContent",
    "Outside",
    "PauseDate",
    "Reason",
    "Recipient",
    "SendWindow",
    "SendingSwitch",
    "SinkEmail",
    "SmtpAccount",
    "Status",
    "Suppression",
    "Topic",
    "Touch",
    "TwilioAccount",
]
