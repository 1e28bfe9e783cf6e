"""The verbs of the bonus ledger (semantics §30–38). Amounts: integer minor units of the programme.

Every verb locks the accounts first, several in id order, so that two writers queue and never
deadlock; the constraints of the tables are the backstop. Repeating a verb with the same source and
key returns what was posted; with another content it is `KeyReused`. A verb that raises changed nothing.
"""

from loyalty.services.ledger.accounts import Balance, balance, balances, lock
from loyalty.services.ledger.audit import audit
from loyalty.services.ledger.credits import Grant, accrue, accrue_many, lifetime_end
from loyalty.services.ledger.errors import (
    HoldExpired,
    HoldResolved,
    InsufficientBonuses,
    KeyReused,
    LedgerError,
    NotFound,
    TooMuch,
)
from loyalty.services.ledger.expiry import burn_lapsed, warn_expiring
from loyalty.services.ledger.holds import capture, hold, release
from loyalty.services.ledger.moving import move
from loyalty.services.ledger.reversals import clawback, refund
from loyalty.services.ledger.spending import correct, spend
from loyalty.services.ledger.withdrawals import Debit, withdraw_many

__all__ = [
    "Balance",
    "Debit",
    "Grant",
    "HoldExpired",
    "HoldResolved",
    "InsufficientBonuses",
    "KeyReused",
    "LedgerError",
    "NotFound",
    "TooMuch",
    "accrue",
    "accrue_many",
    "audit",
    "balance",
    "balances",
    "burn_lapsed",
    "capture",
    "clawback",
    "correct",
    "hold",
    "lifetime_end",
    "lock",
    "move",
    "refund",
    "release",
    "spend",
    "warn_expiring",
    "withdraw_many",
]
