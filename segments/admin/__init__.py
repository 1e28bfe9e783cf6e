"""The staff's view of segments. The forms of conditions are here too; their owners' rooms register them."""

from segments.admin import segments

__all__ = ["segments"]
