"""This room's part of `/api/v1/` (contract §3)."""

from loyalty.api.router import Router
from messaging.api.messages import Messages

router = Router()
router.register("messages", Messages, "message")
urlpatterns = router.urls
