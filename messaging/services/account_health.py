"""The light of an account: whether it does what it should, by its newest outcomes."""

from enum import StrEnum

from messaging.models import AccountState

# Of the last hundred outcomes: so many failures are a warning, such a share is a failure.
SOME, MOST = 0.05, 0.5
# Fewer outcomes say nothing by their share.
ENOUGH = 10
# So many failures in a row are a failure, whatever was before.
ROW = 5


class Light(StrEnum):
    """What staff see."""

    NONE = "none"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


def light(state: AccountState | None) -> Light:
    """Red: it does not send. Yellow: some fail, or the last one did. None: it has sent nothing yet."""
    recent = state.recent if state else ""
    if not recent:
        return Light.NONE
    share = recent.count("-") / len(recent)
    in_a_row = len(recent) - len(recent.rstrip("-"))
    if (share >= MOST and len(recent) >= ENOUGH) or in_a_row >= ROW:
        return Light.RED
    return Light.YELLOW if share >= SOME or in_a_row else Light.GREEN
