"""`manage.py rfm`: RFM counts per group (contract §1, docs/rfm.md)."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.money import digits, major
from loyalty.services import programme
from segments.models import RfmRules, RfmSettings, Ties, ZeroSpend
from segments.rfm import BANDS, GROUPS, RfmBand, RfmGroup
from segments.services import rfm
from segments.services.rfm import Picture


class Command(BaseCommand):
    help = "Counts the clients of every RFM group. Nothing is stored unless --keep is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--asof", metavar="ISO", help="day (its start in the programme's zone) or moment; default: now")
        add("--ties", choices=Ties.values, help="default: as the rules in the admin say")
        add("--window", metavar="DAYS", help="whole days, or 'all'; default: as the rules say")
        add("--zero-spend", choices=ZeroSpend.values, help="orders that brought no money; default: as the rules say")
        add("--keep", action="store_true", help="make it the current snapshot: scores, history, events")
        add("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: object, **options: Any) -> None:
        now, zone = timezone.now(), programme.zone()
        asof = _moment(options["asof"], zone) if options["asof"] else now
        rules = _rules(options)
        if options["keep"]:
            if asof > now:
                raise CommandError(f"--asof: {options['asof']} is not there yet; what is kept must be of the past")
            try:
                rfm.keep(asof, rules, now, zone)
            except ValueError as error:
                raise CommandError(str(error)) from None
        picture = rfm.look(asof, rules, zone, programme.current().currency)
        self.stdout.write(json.dumps(_as_json(picture, zone)) if options["json"] else _as_text(picture, zone))


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """The moment that is meant: a day is its start, a time without an offset is of the programme's zone."""
    try:
        parsed = (
            datetime.combine(date.fromisoformat(text), time.min) if len(text) <= 10 else datetime.fromisoformat(text)
        )
        return parsed.replace(tzinfo=zone) if parsed.tzinfo is None else parsed
    except ValueError:
        raise CommandError(f"--asof: {text!r} is no day such as 2011-12-11 and no moment") from None


def _rules(options: dict[str, Any]) -> RfmRules:
    """The rules of the admin, changed as asked; not to be saved."""
    saved = rfm.current()
    window = saved.window_days
    if options["window"] == "all":
        window = None
    elif options["window"]:
        if not options["window"].isdecimal() or not 1 <= int(options["window"][:9]) <= 36_500:
            raise CommandError(f"--window: {options['window']!r} is neither a number of days from 1 to 36500 nor 'all'")
        window = int(options["window"])
    return RfmSettings(
        window_days=window,
        ties=options["ties"] or saved.ties,
        zero_spend=options["zero_spend"] or saved.zero_spend,
    )


def _as_json(picture: Picture, zone: ZoneInfo) -> dict[str, Any]:
    groups, bands = dict.fromkeys(RfmGroup.values, 0), dict.fromkeys(RfmBand.values, 0)
    for cell in picture.cells:
        group = GROUPS[cell.r, cell.f]
        groups[group.value] += cell.clients
        bands[BANDS[group].value] += cell.clients
    told = asdict(picture)
    told["asof"] = picture.asof.astimezone(zone).isoformat()
    told["window_from"] = picture.window_from and picture.window_from.astimezone(zone).isoformat()
    told["revenue"] = _money(picture.revenue, picture)
    places = digits(picture.currency)
    told["cuts"] = picture.cuts | {"m": [float(Decimal(str(cut)).scaleb(-places)) for cut in picture.cuts["m"]]}
    told["ranges"] = picture.ranges | {
        "m": [ends and [_money(end, picture) for end in ends] for ends in picture.ranges["m"]]
    }
    told["cells"] = [
        {
            "r": cell.r,
            "f": cell.f,
            "group": GROUPS[cell.r, cell.f].value,
            "clients": cell.clients,
            "revenue": _money(cell.revenue, picture),
        }
        for cell in picture.cells
    ]
    return told | {"groups": groups, "bands": bands}


def _money(minor: int, picture: Picture) -> str:
    return f"{major(minor, picture.currency):f}"


def _as_text(picture: Picture, zone: ZoneInfo) -> str:
    told = _as_json(picture, zone)
    window = f"the last {picture.window_days} days" if picture.window_days else "the whole history"
    lines = [
        f"as of {told['asof']} ({picture.zone}), {window}, ties {picture.ties},"
        f" orders that brought no money: {picture.zero_spend}",
        f"{picture.buyers:,} buyers, {picture.purchases:,} purchases, {told['revenue']} {picture.currency}",
    ]
    if picture.foreign:
        lines.append(f"{picture.foreign:,} of the purchases are in other currencies: they count in R and F, not in M")
    for group in RfmGroup:
        clients = told["groups"][group.value]
        share = clients / picture.buyers if picture.buyers else 0
        lines.append(f"  {group.value:<20} {BANDS[group].value:<8} {clients:>10,}  {share:6.1%}")
    for name, words in (("r", "recency, days"), ("f", "purchases"), ("m", f"spent, {picture.currency}")):
        scores = (
            f"{score}: {ends[0]}–{ends[1]}" if ends else f"{score}: none"
            for score, ends in reversed(list(enumerate(told["ranges"][name], 1)))
        )
        lines.append(f"  {words:<15} {'   '.join(scores)}")
    return "\n".join(lines)
