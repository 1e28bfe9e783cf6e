"""The map of RFM: 25 cells of recency and frequency, ten groups, three bands (semantics §46). Pure."""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import pgettext_lazy

SCORES = range(1, 6)  # 5 is the best

Cell = tuple[int, int]  # recency score, frequency score


class RfmGroup(models.TextChoices):
    """What a client is by recency and frequency, from the best to the worst."""

    CHAMPIONS = "champions", pgettext_lazy("RFM", "Champions")
    LOYAL = "loyal", pgettext_lazy("RFM", "Loyal")
    POTENTIAL = "potential_loyalists", pgettext_lazy("RFM", "Potential loyalists")
    NEW = "new", pgettext_lazy("RFM", "New")
    PROMISING = "promising", pgettext_lazy("RFM", "Promising")
    ATTENTION = "need_attention", pgettext_lazy("RFM", "Need attention")
    SLEEPY = "about_to_sleep", pgettext_lazy("RFM", "About to sleep")
    AT_RISK = "at_risk", pgettext_lazy("RFM", "At risk")
    CANT_LOSE = "cant_lose", pgettext_lazy("RFM", "Can't lose")
    HIBERNATING = "hibernating", pgettext_lazy("RFM", "Hibernating")


class RfmBand(models.TextChoices):
    """The groups in three bands."""

    BEST = "best", pgettext_lazy("RFM band", "Best")
    AVERAGE = "average", pgettext_lazy("RFM band", "Average")
    WORST = "worst", pgettext_lazy("RFM band", "Worst")


# By recency from 1 (long ago) to 5, by frequency from 1 (seldom) to 5.
_MAP = (
    "hibernating hibernating at_risk at_risk cant_lose",
    "hibernating hibernating at_risk at_risk cant_lose",
    "about_to_sleep about_to_sleep need_attention loyal loyal",
    "promising potential_loyalists potential_loyalists loyal loyal",
    "new potential_loyalists potential_loyalists champions champions",
)
GROUPS: dict[Cell, RfmGroup] = {
    (r, f): RfmGroup(name) for r, row in enumerate(_MAP, 1) for f, name in enumerate(row.split(), 1)
}
BANDS: dict[RfmGroup, RfmBand] = {
    group: RfmBand.BEST
    if group in (RfmGroup.CHAMPIONS, RfmGroup.LOYAL)
    else RfmBand.WORST
    if group in (RfmGroup.AT_RISK, RfmGroup.CANT_LOSE, RfmGroup.HIBERNATING)
    else RfmBand.AVERAGE
    for group in RfmGroup
}


def cells(groups: Iterable[str]) -> list[Cell]:
    """The cells of these groups."""
    wanted = set(groups)
    return [cell for cell, group in GROUPS.items() if group in wanted]


def groups_of(band: str) -> list[RfmGroup]:
    """The groups of a band."""
    return [group for group in RfmGroup if BANDS[group] == band]


def group_sql(r: str, f: str) -> str:
    """SQL for the name of a cell's group, NULL where there is no score; `r` and `f` are SQL of the scores."""
    names = ",".join(f"'{GROUPS[cell].value}'" for cell in sorted(GROUPS))
    return f"(ARRAY[{names}])[({r} - 1) * {len(SCORES)} + {f}]"
