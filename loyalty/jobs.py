"""Jobs of this room: each works off what is due and returns."""

from datetime import timedelta

from django.utils import timezone

from loyalty.services import access, idempotency, ledger, levels, product_facts, product_news, promo, quests, referrals
from loyalty.services.promo import guard

# A job gives its worker back after this long, whatever is left: the next tick goes on.
TURN = timedelta(minutes=2)
# News of a product that no scenario asked for in this time is none any more.
STALE = timedelta(days=2)


def nightly() -> None:
    """Posts the burning of lapsed lots and warns of what burns soon; nothing spendable depends on it (§32).

    Levels whose period has ended are measured again (§39).

    Answers that nobody will ask for again, and refusals that nobody looks at any more, are forgotten.
    """
    zone = timezone.get_default_timezone()
    while ledger.burn_lapsed(timezone.now(), zone):
        pass
    while ledger.warn_expiring(timezone.now(), zone):
        pass
    while levels.close_periods(timezone.now()):
        pass
    product_news.drop_stale(timezone.now() - STALE)
    idempotency.forget(timezone.now())
    guard.forget(timezone.now())


def fill_pools() -> None:
    """Generates and reads the promo codes that staff ordered, slice by slice."""
    stop = timezone.now() + TURN
    while timezone.now() < stop and promo.fill_next(timezone.now()):
        pass


def reward_referrals() -> None:
    """Rewards those who brought friends, and takes back what an order that came back had earned."""
    stop = timezone.now() + TURN
    while timezone.now() < stop and referrals.reward_due(timezone.now()):
        pass


def recompute_levels() -> None:
    """Measures every client again: staff have changed the levels."""
    after: int | None = 0
    while after is not None:
        after = levels.recompute_all(timezone.now(), after)


def reward_quests() -> None:
    """Counts quests that are new, and rewards those who completed one."""
    quests.count_new(timezone.now())
    stop = timezone.now() + TURN
    while timezone.now() < stop and quests.reward_due(timezone.now()):
        pass


def end_accesses() -> None:
    """Ends gifts and accesses whose time is over, and tells."""
    stop = timezone.now() + TURN
    while timezone.now() < stop and access.end_due(timezone.now()):
        pass


def count_products() -> None:
    """Counts what is bought together and what is popular; every night, and whenever staff ask."""
    product_facts.count(timezone.now())
