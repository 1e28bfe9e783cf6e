"""One thing that the checks of a draft found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in the current language. `key` names its step or trigger, where it has one; `blocks` publishing."""

    words: str
    key: str = ""
    blocks: bool = True
