"""What is said: the content of messages, the send log, the addresses that must not be written to."""

from messaging.models.account import AccountState, ChannelAccount, SendingSwitch
from messaging.models.account_bots import TelegramAccount, VkAccount
from messaging.models.account_email import EspAccount, SmtpAccount
from messaging.models.account_gateway import GatewayAccount
from messaging.models.account_push import FcmAccount, WebPushAccount
from messaging.models.account_twilio import TwilioAccount, WhatsAppAccount
from messaging.models.address import ClientAddress
from messaging.models.cap import FrequencyCap
from messaging.models.confirmation_text import ConfirmationText
from messaging.models.content import TITLED, Channel, ChannelContent, MessageContent
from messaging.models.design import Design
from messaging.models.fallback import Fallback, Reserve, Success
from messaging.models.inbound import InboundMessage, Report
from messaging.models.message import Message, Reason, Recipient, Status
from messaging.models.pause import PauseDate
from messaging.models.price import ChannelPrice
from messaging.models.retry import MessageRetry
from messaging.models.sink import SinkEmail
from messaging.models.staff_contact import StaffContact
from messaging.models.suppression import Suppression
from messaging.models.topic import BONUS_NOTICES, MARKETING, SERVICE, Topic
from messaging.models.tracking import Link, Touch
from messaging.models.whatsapp_template import WhatsAppTemplate
from messaging.models.window import Outside, SendWindow

__all__ = [
    "AccountState",
    "BONUS_NOTICES",
    "Channel",
    "ChannelAccount",
    "ChannelContent",
    "ChannelPrice",
    "ConfirmationText",
    "ClientAddress",
    "Design",
    "EspAccount",
    "Fallback",
    "FcmAccount",
    "FrequencyCap",
    "GatewayAccount",
    "InboundMessage",
    "Link",
    "MARKETING",
    "Message",
    "MessageContent",
    "MessageRetry",
    "Outside",
    "PauseDate",
    "Reason",
    "Recipient",
    "Report",
    "Reserve",
    "SERVICE",
    "SendWindow",
    "SendingSwitch",
    "SinkEmail",
    "SmtpAccount",
    "StaffContact",
    "Status",
    "Success",
    "Suppression",
    "TITLED",
    "TelegramAccount",
    "Topic",
    "Touch",
    "TwilioAccount",
    "VkAccount",
    "WebPushAccount",
    "WhatsAppAccount",
    "WhatsAppTemplate",
]
