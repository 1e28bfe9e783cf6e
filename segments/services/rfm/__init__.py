"""RFM: who buys how recently, how often and for how much (semantics §46, docs/rfm.md)."""

from segments.services.rfm.keep import ask, keep, recompute_due
from segments.services.rfm.measure import CellCount, Picture, look
from segments.services.rfm.settings import current, scheduled

__all__ = ["CellCount", "Picture", "ask", "current", "keep", "look", "recompute_due", "scheduled"]
