"""Telling staff of what goes wrong (semantics §55): each kind of problem at most once a day and person."""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as t
from django.utils.translation import ngettext

from loyalty.services import programme
from messaging.models import Channel
from messaging.services import outbox, staff
from scenarios.services import problems
from scenarios.services.problems import Found

NAMED = 10  # problems of one kind that a notice names


def tell(now: datetime) -> int:
    """Queues notices of the problems there are at `now` (UTC), to staff who asked for them; returns how many are new.

    The key of a notice is its kind, its day (the programme's) and its reader: telling again tells nobody twice.
    """
    people = staff.reachable(staff.who_asked("on_problem"), staff.OWN)
    if not people:
        return 0
    day = now.astimezone(programme.zone()).date().isoformat()
    link = staff.admin_link(reverse("admin:scenarios_problems"))
    drafts = [
        draft
        for kind, words in _words(problems.find(now))
        for draft in staff.notices(people, f"problem:{kind}:{day}", t("Something needs you"), f"{words}\n{link}", None)
    ]
    with transaction.atomic():
        return outbox.queue_new(drafts, now)


def _words(found: Found) -> Iterator[tuple[str, str]]:
    """Every kind of problem that there is, in words."""
    if found.failed:
        runs = sum(row.count for row in found.failed)
        said = ngettext("%(n)d run of scenarios has failed:", "%(n)d runs of scenarios have failed:", runs) % {
            "n": runs
        }
        yield "failed", _list(said, [row.scenario.name for row in found.failed])
    if found.channels:
        labels = dict(Channel.choices)
        named = [f"{labels.get(row.channel, row.channel)}: {row.error}"[:200] for row in found.channels]
        yield "channels", _list(t("Messages are not getting through:"), named)
    if found.withheld:
        count = sum(row.count for row in found.withheld)
        yield (
            "withheld",
            ngettext(
                "%(n)d message was not sent for a reason that you can mend.",
                "%(n)d messages were not sent for a reason that you can mend.",
                count,
            )
            % {"n": count},
        )
    if found.stopped:
        yield "stopped", _list(t("Nobody enters any more:"), [row.scenario.name for row in found.stopped])
    if found.pools:
        yield "pools", _list(t("Promo codes are running out:"), [pool.name for pool in found.pools])
    for kind, count, words in (
        ("unread", found.unread, t("Events that could not be read: %(n)d.")),
        ("refused", found.refused, t("Deliveries that were not understood: %(n)d.")),
        ("webhooks", found.webhooks, t("Calls to other systems that failed: %(n)d.")),
    ):
        if count:
            yield kind, words % {"n": count}


def _list(heading: str, names: list[str]) -> str:
    return "\n".join([heading, *(f"· {name}" for name in dict.fromkeys(names[:NAMED]))])
