"""This room's part of `/api/v1/` (contract §3)."""

from loyalty.api.router import Router
from scenarios.api.messages import Messages
from scenarios.api.scenarios import Scenarios

router = Router()
router.register("scenarios", Scenarios, "scenario")
router.register("messages", Messages, "message")
urlpatterns = router.urls
