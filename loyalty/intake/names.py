"""Names of events that sources give themselves."""

import re
from typing import Any

from django.utils.translation import gettext as _

from loyalty.event_names import PLATFORM
from loyalty.intake import read
from loyalty.intake.facts import Refused

_NOT_IN_NAMES = re.compile(r"[^\w.:-]+")


def event_name(value: Any, field: str) -> str:
    """A name as scenarios know it: lower case, anything between words an underscore ("Song Played": song_played).

    Names of what only this platform does are refused: a shop cannot say that a bonus was accrued.
    """
    name = _NOT_IN_NAMES.sub("_", read.text(value, field, 100).lower()).strip("_")
    if not name:
        raise Refused(field, _("is missing"))
    if name in PLATFORM:
        raise Refused(field, _("is a name that only the platform itself may use"))
    return name[:100]
