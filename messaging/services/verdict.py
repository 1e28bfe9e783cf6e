"""The answer of a check."""

from datetime import datetime, timedelta
from typing import NamedTuple

from messaging.models import Reason


class Verdict(NamedTuple):
    """Why a message may not go now. `until` (UTC): when to look again; None: it is not to be sent at all.

    What waits for an opening leaves within `spread` after it.
    """

    reason: Reason
    until: datetime | None = None
    spread: timedelta = timedelta()
