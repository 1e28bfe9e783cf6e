"""This room's part of `/api/v1/` (contract §3)."""

from loyalty.api.router import Router
from segments.api.segments import Segments

router = Router()
router.register("segments", Segments, "segment")
urlpatterns = router.urls
