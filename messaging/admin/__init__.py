"""The staff's view of what was said: the send log, the demo mailbox, the suppressed addresses."""

from messaging.admin import mailbox, messages, prices, suppressions

__all__ = ["mailbox", "messages", "prices", "suppressions"]
