"""This room's part of `/api/v1/` (contract §3)."""

from rest_framework.routers import SimpleRouter

from loyalty.api.clients import Clients
from loyalty.api.events import Events
from loyalty.api.products import Products

# With and without the last slash: Django cannot redirect a POST.
router = SimpleRouter(trailing_slash="/?")
router.register("clients", Clients, "client")
router.register("events", Events, "event")
router.register("products", Products, "product")
urlpatterns = router.urls
