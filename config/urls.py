"""Every address of the installation (contract §2–5)."""

from django.contrib import admin
from django.urls import include, path

from config import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/queues/", include("django_rq.urls")),
    path("admin/", admin.site.urls),
    path("", include("loyalty.urls")),
]
