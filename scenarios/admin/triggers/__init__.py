"""The native form of every type of trigger."""

from scenarios.admin.triggers import dates, events

__all__ = ["dates", "events"]
