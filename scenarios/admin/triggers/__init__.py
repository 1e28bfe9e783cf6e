"""The native form of every type of trigger."""

from scenarios.admin.triggers import dates, events, facts

__all__ = ["dates", "events", "facts"]
