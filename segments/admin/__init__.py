"""The staff's view of segments, and of the conditions that they share with the rooms above."""

from loyalty.admin import clients
from segments.admin import conditions, rfm, segments

__all__ = ["conditions", "rfm", "segments"]

clients.SECTIONS.append(rfm.of_client)
