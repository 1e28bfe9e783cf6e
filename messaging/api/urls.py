"""This room's part of `/api/v1/` (contract §3)."""

from loyalty.api.router import Router
from messaging.api.devices import Devices

router = Router()
router.register("devices", Devices, "device")
urlpatterns = router.urls
