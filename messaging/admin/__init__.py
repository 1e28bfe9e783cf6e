"""The staff's view of what was said: the send log, its rules, the demo mailbox."""

from messaging.admin import accounts, caps, mailbox, messages, prices, quiet, suppressions, topics

__all__ = ["accounts", "caps", "mailbox", "messages", "prices", "quiet", "suppressions", "topics"]
