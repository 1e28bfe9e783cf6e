"""This room's part of `/api/v1/` (contract §3)."""

from rest_framework.routers import SimpleRouter

from segments.api.segments import Segments

router = SimpleRouter(trailing_slash="/?")
router.register("segments", Segments, "segment")
urlpatterns = router.urls
