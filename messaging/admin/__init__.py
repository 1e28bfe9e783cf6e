"""The staff's view of what was said: its accounts and rules, the demo mailbox."""

from messaging.admin import (
    accounts,
    addresses,
    caps,
    confirmations,
    designs,
    inbox,
    mailbox,
    prices,
    quiet,
    suppressions,
    topics,
    whatsapp_templates,
)

__all__ = [
    "accounts",
    "addresses",
    "caps",
    "confirmations",
    "designs",
    "inbox",
    "mailbox",
    "prices",
    "quiet",
    "suppressions",
    "topics",
    "whatsapp_templates",
]
