"""Who is held out: a stable share of clients walks a scenario as ghosts, so that its effect can be measured (§17).

A client's place is the first 32 bits of md5("salt:client id") modulo 10,000, in Python and in SQL alike; those below
the share (in hundredths of a percent) are held out. The programme's salt is the same for every scenario, so the
programme-wide group is one and the same; a scenario's own salt makes its group independent of all others.
"""

from decimal import Decimal
from hashlib import md5

PROGRAMME, SCENARIO = "programme", "scenario"
PROGRAMME_SALT = "programme"
_PLACES = 10_000


def place(salt: str, client_id: int) -> int:
    """The client's place among 10,000."""
    return int(md5(f"{salt}:{client_id}".encode(), usedforsecurity=False).hexdigest()[:8], 16) % _PLACES


def places(share: Decimal | str) -> int:
    """How many of the 10,000 places a share in percent takes."""
    return int(Decimal(str(share)) * 100)


def group(client_id: int, salt: str, share: Decimal | str, programme_share: Decimal | str) -> str:
    """Which group holds the client out: `programme`, `scenario`, or '' for none."""
    if place(PROGRAMME_SALT, client_id) < places(programme_share):
        return PROGRAMME
    return SCENARIO if place(salt, client_id) < places(share) else ""


def group_sql(client: str, salt: str, share: int, programme_share: int) -> str:
    """The same as an SQL text over the column `client`; `salt` names a query parameter, shares count places."""
    ways = []
    if programme_share:
        common = _place_sql(client, f"'{PROGRAMME_SALT}'")
        ways.append(f"WHEN {common} < {programme_share:d} THEN '{PROGRAMME}'")
    if share:
        ways.append(f"WHEN {_place_sql(client, f'%({salt})s')} < {share:d} THEN '{SCENARIO}'")
    return f"CASE {' '.join(ways)} ELSE '' END" if ways else "''"


def _place_sql(client: str, salt: str) -> str:
    return f"('x' || left(md5({salt} || ':' || {client}), 8))::bit(32)::bigint %% {_PLACES}"
