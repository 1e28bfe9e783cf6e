"""`manage.py tick`: everything that is due now, in the foreground, without workers or Redis (contract §1)."""

from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.models import Event
from loyalty.services import access, ledger, levels, promo, quests, referrals
from messaging.models import Message
from messaging.services import cascade, opt_in, outbox, reports, touches
from scenarios.engine import webhooks
from scenarios.engine.scan import scan_due
from scenarios.jobs import pump_once
from segments.services import dynamic, rfm


class Command(BaseCommand):
    help = "Does everything that is due, in the foreground, and prints what it did."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", metavar="ISO", help="act as of this moment, for example 2026-12-01T10:00:00Z")

    def handle(self, *args: object, **options: str | None) -> None:
        now = _moment(options["now"]) if options["now"] else None
        zone = timezone.get_default_timezone()
        done: Counter[str] = Counter()
        while True:
            moment = now or timezone.now()
            pumped = pump_once(moment)
            round_ = {
                "scanned": scan_due(moment),
                "events": pumped.events,
                "clocks": pumped.clocks,
                "runs": pumped.runs,
                "asked": opt_in.ask(moment),
                "messages": cascade.fall_through(moment)
                + outbox.send_due(moment)
                + outbox.recover(moment)
                + reports.apply(moment)
                + touches.fold(moment),
                "calls": webhooks.call_due(moment),
                "lots": ledger.burn_lapsed(moment, zone) + ledger.warn_expiring(moment, zone),
                "levels": levels.close_periods(moment),
                "owned": promo.fill_next(moment)
                + referrals.reward_due(moment)
                + quests.count_new(moment)
                + quests.reward_due(moment)
                + access.end_due(moment),
                "rfm": int(rfm.recompute_due(moment) is not None),
            }
            moved = dynamic.refresh(moment)
            round_["moved"] = moved.entered + moved.left
            done.update(round_)
            if not any(round_.values()):
                break
        self.stdout.write(
            "dates looked at: {scanned}, events read: {events}, clocks fired: {clocks}, runs advanced: {runs},"
            " requests to confirm: {asked},"
            " messages dealt with: {messages}, webhooks called: {calls}, lots burnt or warned of: {lots},"
            " levels measured: {levels}, promo codes and rewards dealt with: {owned},"
            " RFM snapshots taken: {rfm}, entered or left dynamic segments: {moved}".format(**done)
        )


def _moment(text: str) -> datetime:
    """The moment to act as of. Refused where the database holds later facts: they would be acted on too early."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--now: {text!r} is not a moment such as 2026-12-01T10:00:00Z") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    newest = Event.objects.order_by("-received_at").values_list("received_at", flat=True).first()
    sent = Message.objects.order_by("-id").values_list("created_at", flat=True).first()
    later = [fact for fact in (newest, sent) if fact and fact > moment]
    if later:
        raise CommandError(
            f"--now: the database holds facts of {max(later).isoformat()}, later than {moment.isoformat()}"
        )
    return moment
