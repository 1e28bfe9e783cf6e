"""The staff's view of segments, and of the conditions that they share with the rooms above."""

from segments.admin import conditions, segments

__all__ = ["conditions", "segments"]
