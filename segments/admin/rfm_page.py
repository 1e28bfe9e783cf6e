"""The page of RFM: a snapshot as a map of 25 cells, with its rules, its boundaries and who moved (semantics §46)."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as t
from django.utils.translation import ngettext, pgettext

from loyalty.admin.base import grouped
from loyalty.money import digits, major
from segments.models import RfmSettings, RfmSnapshot
from segments.rfm import BANDS, GROUPS, SCORES, RfmBand, RfmGroup

HISTORY = 30  # snapshots
MOVES = 12
# The tint of a cell, in percent of its group's colour: from the emptiest to the fullest.
_TINT = (10, 62)


def page(snapshot: RfmSnapshot | None, settings: RfmSettings, by: str, clickable: bool) -> dict[str, Any]:
    """What the page shows. `by`: "clients" or "revenue" colours the map. `clickable`: cells lead to their clients."""
    newest = RfmSnapshot.objects.order_by("-asof").first()
    snapshot = snapshot or newest
    shown: dict[str, Any] = {"settings": settings, "by": by, "pending": _pending(settings, newest)}
    if snapshot is None:
        return shown
    current = snapshot == newest
    zone = ZoneInfo(snapshot.zone)
    return shown | {
        "snapshot": snapshot,
        "current": current,
        "asof": snapshot.asof.astimezone(zone),
        "buyers": grouped(snapshot.buyers),
        "purchases": grouped(snapshot.purchases),
        "revenue": _sum(snapshot.revenue, snapshot),
        "rows": _rows(snapshot, by, clickable and current),
        "bands": _bands(snapshot, clickable and current),
        "boundaries": _boundaries(snapshot),
        "cuts": _cuts(snapshot),
        "rules": _rules(snapshot),
        "moves": _moves(snapshot.moves),
        "more_moves": max(len(snapshot.moves) - MOVES, 0),
        "history": [_past(row, snapshot) for row in RfmSnapshot.objects.order_by("-asof")[:HISTORY]],
    }


def clients_url(**asked: Any) -> str:
    """The list of the clients of a cell (r, f), a group or a band."""
    return f"{reverse('admin:segments_rfmscore_changelist')}?{urlencode(asked)}"


def _pending(settings: RfmSettings, newest: RfmSnapshot | None) -> bool:
    return settings.requested_at is not None and (newest is None or settings.requested_at > newest.computed_at)


def _sum(minor: int, snapshot: RfmSnapshot) -> str:
    """A sum in whole units: what is smaller tells nothing here."""
    return f"{grouped(int(major(minor, snapshot.currency)))}\u00a0{snapshot.currency}"


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _rows(snapshot: RfmSnapshot, by: str, clickable: bool) -> list[dict[str, Any]]:
    """The map from the best recency down, each row from the worst frequency to the best."""
    held = {(r, f): (clients, revenue) for r, f, clients, revenue in snapshot.cells}
    most = max((revenue if by == "revenue" else clients for clients, revenue in held.values()), default=0)
    low, high = _TINT

    def cell(r: int, f: int) -> dict[str, Any]:
        clients, revenue = held.get((r, f), (0, 0))
        part = (revenue if by == "revenue" else clients) / most if most else 0
        return {
            "r": r,
            "f": f,
            "group": GROUPS[r, f],
            "clients": grouped(clients),
            "share": _share(clients, snapshot.buyers),
            "revenue": _sum(revenue, snapshot),
            "revenue_share": _share(revenue, snapshot.revenue),
            "tint": round(low + (high - low) * part),
            "url": clients_url(r=r, f=f) if clickable and clients else "",
        }

    return [{"r": r, "cells": [cell(r, f) for f in SCORES]} for r in reversed(SCORES)]


def _bands(snapshot: RfmSnapshot, clickable: bool) -> list[dict[str, Any]]:
    """The groups in their bands, with what came and went since the snapshot before."""
    clients, revenue = _by_group(snapshot)
    came: Counter[str] = Counter()
    went: Counter[str] = Counter()
    for was, became, number in snapshot.moves:
        went[was] += number
        came[became] += number

    def group(which: RfmGroup) -> dict[str, Any]:
        return {
            "group": which,
            "clients": grouped(clients[which]),
            "share": _share(clients[which], snapshot.buyers),
            "revenue": _sum(revenue[which], snapshot),
            "revenue_share": _share(revenue[which], snapshot.revenue),
            "came": came[which],
            "went": went[which],
            "meaning": _meaning(which),
            "url": clients_url(group=which.value) if clickable and clients[which] else "",
        }

    def band(which: RfmBand) -> dict[str, Any]:
        groups = [each for each in RfmGroup if BANDS[each] == which]
        number = sum(clients[each] for each in groups)
        return {
            "band": which,
            "clients": grouped(number),
            "share": _share(number, snapshot.buyers),
            "revenue_share": _share(sum(revenue[each] for each in groups), snapshot.revenue),
            "groups": [group(each) for each in groups],
            "url": clients_url(band=which.value) if clickable and number else "",
        }

    return [band(which) for which in RfmBand]


def _by_group(snapshot: RfmSnapshot) -> tuple[Counter[str], Counter[str]]:
    clients: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    for r, f, number, spent in snapshot.cells:
        clients[GROUPS[r, f]] += number
        revenue[GROUPS[r, f]] += spent
    return clients, revenue


def _meaning(group: RfmGroup) -> str:
    """What a marketer should know of a group, in a few words."""
    return {
        RfmGroup.CHAMPIONS: t("Bought just now and buy most often."),
        RfmGroup.LOYAL: t("Buy often, the last time not long ago."),
        RfmGroup.POTENTIAL: t("Bought lately, and more than once."),
        RfmGroup.NEW: t("Bought for the first time just now."),
        RfmGroup.PROMISING: t("Bought lately, but only once or so."),
        RfmGroup.ATTENTION: t("Average in both: may go either way."),
        RfmGroup.SLEEPY: t("Bought seldom, and some time ago."),
        RfmGroup.AT_RISK: t("Used to buy, but not for a long time."),
        RfmGroup.CANT_LOSE: t("Bought most often of all, and are leaving."),
        RfmGroup.HIBERNATING: t("Bought seldom and long ago."),
    }[group]


def _boundaries(snapshot: RfmSnapshot) -> list[dict[str, Any]]:
    """The values that each score stands for, from the best down."""

    def ends(name: str, score: int) -> list[int] | None:
        found: list[int] | None = snapshot.ranges[name][score - 1]
        return found

    def plain(found: list[int] | None) -> str:
        return "—" if found is None else _range(*(grouped(end) for end in found))

    def money(found: list[int] | None) -> str:
        if found is None:
            return "—"
        return _range(*(f"{major(end, snapshot.currency):,}".replace(",", "\u00a0") for end in found))

    return [
        {"score": score, "r": plain(ends("r", score)), "f": plain(ends("f", score)), "m": money(ends("m", score))}
        for score in reversed(SCORES)
    ]


def _cuts(snapshot: RfmSnapshot) -> dict[str, str]:
    """Where the fifths of buyers are cut, from the lowest."""
    places = digits(snapshot.currency)
    exact = {name: [Decimal(str(cut)) for cut in cuts] for name, cuts in snapshot.cuts.items()}
    exact["m"] = [cut.scaleb(-places).quantize(Decimal(1).scaleb(-places)) for cut in exact["m"]]
    return {
        name: " · ".join(f"{cut.normalize():,f}".replace(",", "\u00a0") for cut in cuts) for name, cuts in exact.items()
    }


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} – {high}"


def _rules(snapshot: RfmSnapshot) -> list[tuple[str, str]]:
    """The rules of a snapshot, in words."""
    days = snapshot.window_days
    window = (
        t("the whole history up to the snapshot")
        if days is None
        else ngettext("the last %(n)d day before the snapshot", "the last %(n)d days before the snapshot", days)
        % {"n": days}
    )
    rules = [
        (t("Purchases"), t("Paid orders of a client. Cancelled ones and those that came back in whole do not count.")),
        (t("Window"), window),
        (t("Orders that brought no money"), str(snapshot.get_zero_spend_display())),
        (pgettext("RFM", "Recency, R"), t("Whole days from the last purchase to the snapshot; fewer are better.")),
        (pgettext("RFM", "Frequency, F"), t("Number of purchases.")),
        (
            pgettext("RFM", "Money, M"),
            t("Paid for them less what was refunded, in %(currency)s. It does not decide the group.")
            % {"currency": snapshot.currency},
        ),
        (t("Scores"), t("Buyers are cut into fifths; the best fifth has 5. Who has bought nothing has no score.")),
        (t("Ties"), str(snapshot.get_ties_display())),
    ]
    if snapshot.foreign:
        words = ngettext(
            "%(n)s purchase in another currency counts in R and F, not in M.",
            "%(n)s purchases in other currencies count in R and F, not in M.",
            snapshot.foreign,
        )
        rules.append((t("Other currencies"), words % {"n": grouped(snapshot.foreign)}))
    return rules


def _moves(moves: Iterable[Iterable[Any]]) -> list[dict[str, Any]]:
    """The biggest moves. Better is a group that stands before in the list of groups."""
    order = {group.value: place for place, group in enumerate(RfmGroup)} | {"": len(RfmGroup)}
    biggest = sorted(moves, key=lambda move: -list(move)[2])[:MOVES]
    most = max((number for _, _, number in biggest), default=1)
    return [
        {
            "was": RfmGroup(was) if was else None,
            "became": RfmGroup(became) if became else None,
            "clients": grouped(number),
            "width": round(100 * number / most),
            "better": order[became] < order[was],
        }
        for was, became, number in biggest
    ]


def _past(row: RfmSnapshot, shown: RfmSnapshot) -> dict[str, Any]:
    clients, _ = _by_group(row)
    return {
        "snapshot": row,
        "asof": row.asof.astimezone(ZoneInfo(row.zone)),
        "shown": row.pk == shown.pk,
        "buyers": grouped(row.buyers),
        "revenue": _sum(row.revenue, row),
        "moved": grouped(sum(number for _, _, number in row.moves)),
        "bands": [
            {"band": band, "share": _share(sum(clients[g] for g in RfmGroup if BANDS[g] == band), row.buyers)}
            for band in RfmBand
        ],
    }
