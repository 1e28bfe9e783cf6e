"""The outbox: record first, then send (semantics §20–21).

`queue` writes messages in the caller's transaction. A sender claims as many as may be in flight, marks them as being
sent, commits, calls the providers and writes the answers as they come. A process that dies in between leaves them
"being sent"; `recover` later asks the channel where it can be asked, and otherwise marks them unknown. Nothing is ever
blindly sent again.
"""

from messaging.services.outbox.drafts import OWED, Draft, hand_over, queue, queue_new, turn, withhold_runs
from messaging.services.outbox.recover import LEASE, recover
from messaging.services.outbox.sending import Sending, send_due
from messaging.services.outbox.settle import BACKOFF

__all__ = [
    "BACKOFF",
    "LEASE",
    "OWED",
    "Draft",
    "Sending",
    "hand_over",
    "queue",
    "queue_new",
    "recover",
    "send_due",
    "turn",
    "withhold_runs",
]
