"""In which zone a client lives: the client's own, else the home store's, else the programme's (semantics, preamble)."""

from collections.abc import Iterable
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection

from loyalty.services import programme

# Of `loyalty_client c LEFT JOIN loyalty_store home ON home.id = c.store_id`; %(zone)s is `programme.zone().key`.
SQL = "coalesce(nullif(c.zone, ''), nullif(home.zone, ''), %(zone)s)"


@cache
def _named(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def named(name: str) -> ZoneInfo:
    """The zone of an IANA name; the programme's where it is none: zones are renamed, clients stay."""
    return _named(name) or programme.zone()


def of_clients(client_ids: Iterable[int]) -> dict[int, ZoneInfo]:
    """The zones of clients, in one query; clients who do not exist are absent."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT c.id, {SQL} FROM loyalty_client c LEFT JOIN loyalty_store home ON home.id = c.store_id
                WHERE c.id = ANY(%(clients)s)""",  # noqa: S608 (a fixed text of this module)
            {"clients": list(client_ids), "zone": programme.zone().key},
        )
        return {client_id: named(name) for client_id, name in cursor.fetchall()}
