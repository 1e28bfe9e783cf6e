"""This room's part of `/api/v1/` (contract §3)."""

from rest_framework.routers import SimpleRouter

from messaging.api.messages import Messages

router = SimpleRouter(trailing_slash="/?")
router.register("messages", Messages, "message")
urlpatterns = router.urls
