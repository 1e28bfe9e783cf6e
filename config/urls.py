"""Every address of the installation (contract §2–5)."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config import health
from loyalty.api.views import Nowhere

# Rooms with a part of the API.
ROOMS = ("loyalty", "segments", "messaging", "scenarios")

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/queues/", include("django_rq.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    *(path("api/v1/", include(f"{room}.api.urls")) for room in ROOMS),
    re_path("^api/", Nowhere.as_view()),
    path("", include("loyalty.urls")),
    path("", include("messaging.urls")),
    path("", include("scenarios.urls")),
]
