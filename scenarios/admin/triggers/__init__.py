"""The native form of every type of trigger."""

from scenarios.admin.triggers import events

__all__ = ["events"]
