"""What the ledger refuses. Whatever is raised, nothing was changed."""


class LedgerError(Exception):
    """A verb that the ledger refuses."""


class KeyReused(LedgerError):
    """The same (source, key) was posted before with another content (HTTP 409, semantics §36)."""


class InsufficientBonuses(LedgerError):
    """More was asked for than is available now."""


class NotFound(LedgerError):
    """There is no such hold or operation."""


class HoldResolved(LedgerError):
    """The hold was captured or released before: it resolves at most once (semantics §34)."""


class HoldExpired(LedgerError):
    """The hold's deadline has passed."""


class TooMuch(LedgerError):
    """More than was held, or than was spent and not yet returned."""
