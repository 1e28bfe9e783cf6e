"""The staff's view of segments, and of the conditions that they share with the rooms above."""

from loyalty.admin import clients
from segments.admin import client_page, conditions, rfm, segments

__all__ = ["conditions", "rfm", "segments"]

clients.SECTIONS += [client_page.section, rfm.of_client]
