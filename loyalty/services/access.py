"""Granting gifts and access to services, and ending them (mechanics T44)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from loyalty.intake.facts import Fact
from loyalty.models import AccessGrant
from loyalty.services import stream
from loyalty.services.promo.codes import generate, normalise, pretty

BATCH = 1000
CODE_LENGTH = 16


class AccessError(Exception):
    """A gift or an access that cannot be granted; the text says which field and why."""


@dataclass(frozen=True, slots=True)
class Access:
    """What to grant: valid from now until before `ends_at` (UTC; None: for good).

    With neither code nor link a code is made.
    """

    client_id: int
    name: str
    key: str
    ends_at: datetime | None = None
    kind: str = AccessGrant.Kind.ACCESS
    code: str = ""
    link: str = ""
    reason: str = ""
    # Chain depth of the event that follows (semantics §18).
    depth: int = 0


def grant_many(source: str, accesses: Sequence[Access], now: datetime) -> dict[str, AccessGrant]:
    """Grants, in the caller's transaction or its own; returns the grants by key. A key is granted once.

    Raises AccessError for an end that has passed or a code that another grant has.
    """
    wanted = {access.key: access for access in accesses}
    for access in wanted.values():
        if access.ends_at and access.ends_at <= now:
            raise AccessError(f"ends_at: {access.ends_at.isoformat()} has passed")
    with transaction.atomic():
        known = _known(source, wanted)
        fresh = [access for key, access in sorted(wanted.items()) if key not in known]
        codes = [access.code or ("" if access.link else pretty(generate(1, CODE_LENGTH)[0])) for access in fresh]
        AccessGrant.objects.bulk_create(
            [
                AccessGrant(
                    client_id=access.client_id,
                    kind=access.kind,
                    name=access.name,
                    code=code,
                    normal=normalise(code)[:64],
                    link=access.link,
                    granted_at=now,
                    ends_at=access.ends_at,
                    reason=access.reason,
                    source=source,
                    key=access.key,
                )
                for access, code in zip(fresh, codes, strict=True)
            ],
            ignore_conflicts=True,
        )
        granted = _known(source, wanted)
        if missing := [key for key in wanted if key not in granted]:
            raise AccessError(f"code: another grant has the code of {missing[0]!r}")
        _tell("access.granted", [granted[access.key] for access in fresh], now, {a.key: a.depth for a in fresh})
    return granted


def grant(source: str, access: Access, now: datetime) -> AccessGrant:
    """Grants one. The same path as `grant_many`."""
    return grant_many(source, [access], now)[access.key]


def _known(source: str, keys: dict[str, Access]) -> dict[str, AccessGrant]:
    return {grant.key: grant for grant in AccessGrant.objects.filter(source=source, key__in=list(keys))}


def holds(code: str, now: datetime) -> AccessGrant | None:
    """The gift or access behind a code that holds at `now`, by time alone: no job needs to have run."""
    normal = normalise(code[:100])
    found = AccessGrant.objects.select_related("client").filter(normal=normal).first() if normal else None
    over = found is None or found.revoked or (found.ends_at is not None and now >= found.ends_at)
    return None if over else found


def revoke(grant_id: int, now: datetime, reason: str = "") -> bool:
    """Ends a grant at once; answers whether it still held. Revoking twice is revoking once."""
    with transaction.atomic():
        found = AccessGrant.objects.select_for_update().filter(pk=grant_id, ended_at=None).first()
        if found is None or (found.ends_at and found.ends_at <= now):
            return False
        found.ended_at, found.revoked, found.reason = now, True, (reason or found.reason)[:300]
        found.save(update_fields=["ended_at", "revoked", "reason"])
        _tell("access.ended", [found], now, {})
    return True


def revoke_named(kind: str, name: str, clients: Mapping[int, int], now: datetime) -> set[int]:
    """Ends at once whatever of this kind and name the clients hold; returns the clients who held something.

    `clients`: id → chain depth of the event that follows (semantics §18). In the caller's transaction or its own.
    """
    with transaction.atomic():
        held = list(
            AccessGrant.objects.select_for_update()
            .filter(client__in=list(clients), kind=kind, name=name, ended_at=None)
            .exclude(ends_at__lte=now)
            .order_by("pk")
        )
        AccessGrant.objects.filter(pk__in=[each.pk for each in held]).update(ended_at=now, revoked=True)
        for each in held:
            each.ended_at, each.revoked = now, True
        _tell("access.ended", held, now, {each.key: clients[each.client_id] for each in held})
    return {each.client_id for each in held}


def end_due(now: datetime, limit: int = BATCH) -> int:
    """Ends what has run out by `now` and tells, so that scenarios and services may follow; returns how many."""
    with transaction.atomic():
        over = list(
            AccessGrant.objects.select_for_update(skip_locked=True)
            .filter(ended_at=None, ends_at__lte=now)
            .order_by("ends_at", "pk")[:limit]
        )
        for each in over:
            each.ended_at = each.ends_at
        AccessGrant.objects.bulk_update(over, ["ended_at"], batch_size=500)
        _tell("access.ended", over, now, {})
    return len(over)


def _tell(event: str, grants: Sequence[AccessGrant], now: datetime, depths: dict[str, int]) -> None:
    facts = [
        Fact(
            f"{event}:{each.pk}",
            event,
            each.ended_at or now,
            payload={
                "kind": each.kind,
                "name": each.name,
                "code": each.code,
                "link": each.link,
                "ends_at": each.ends_at.isoformat() if each.ends_at else None,
                "revoked": each.revoked,
            },
            depth=depths.get(each.key, 0),
        )
        for each in grants
    ]
    stream.append(stream.platform(), facts, [each.client_id for each in grants], now)
