"""Keys of the parts of a scenario: stable through releases, moves and renames (semantics §14)."""

import secrets


def new_key() -> str:
    """A new key of 12 hexadecimal digits."""
    return secrets.token_hex(6)
