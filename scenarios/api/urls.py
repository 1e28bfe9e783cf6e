"""This room's part of `/api/v1/` (contract §3)."""

from rest_framework.routers import SimpleRouter

from scenarios.api.scenarios import Scenarios

router = SimpleRouter(trailing_slash="/?")
router.register("scenarios", Scenarios, "scenario")
urlpatterns = router.urls
