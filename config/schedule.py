"""Everything that happens by the clock. What is due is read from PostgreSQL by the job; a tick only says "look"."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """Wake `job` (dotted path, no arguments) in `queue`: every so many seconds, or by a cron line (TIME_ZONE)."""

    job: str
    queue: str
    every: int | None = None
    cron: str | None = None


TICKS = (
    Tick("scenarios.jobs.pump", "runs", every=1),
    Tick("scenarios.jobs.scan", "runs", every=10),
    Tick("scenarios.jobs.call_webhooks", "outbox", every=5),
    Tick("scenarios.jobs.pick_winners", "segments", cron="20 * * * *"),
    Tick("messaging.jobs.pump", "outbox", every=1),
    Tick("messaging.jobs.ask_to_confirm", "events", every=2),
    Tick("messaging.jobs.fold", "events", every=2),
    Tick("scenarios.jobs.rehearse", "default", every=5),
    Tick("loyalty.jobs.fill_pools", "default", every=60),
    Tick("loyalty.jobs.reward_referrals", "default", every=60),
    Tick("loyalty.jobs.reward_quests", "default", every=60),
    Tick("loyalty.jobs.end_accesses", "default", every=60),
    Tick("segments.jobs.score", "segments", every=60),
    Tick("segments.jobs.refresh", "segments", every=60),
    Tick("segments.jobs.nightly", "segments", cron="0 5 * * *"),
    Tick("loyalty.jobs.nightly", "default", cron="0 * * * *"),
    Tick("loyalty.jobs.count_products", "segments", cron="40 2 * * *"),
    Tick("scenarios.jobs.tell_problems", "segments", cron="*/10 * * * *"),
    Tick("scenarios.jobs.count_results", "segments", cron="20 3 * * *"),
    Tick("scenarios.jobs.count_today", "segments", cron="15 * * * *"),
    Tick("scenarios.jobs.part_log", "default", cron="25 * * * *"),
    Tick("scenarios.jobs.thin_out", "segments", cron="30 4 * * *"),
)
