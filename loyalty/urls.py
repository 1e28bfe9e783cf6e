"""Addresses of this room: intake (contract §2), pages for clients (§4)."""

from django.urls import path, re_path

from loyalty.api import intake
from loyalty.intake.segment_http import CALLS
from loyalty.intake.webhooks import ADAPTERS
from loyalty.pages import profile, referral, survey

# With and without the last slash: Django cannot redirect a POST.
urlpatterns = [
    re_path(rf"^v1/(?P<call>batch|{'|'.join(CALLS)})/?$", intake.call, name="intake-call"),
    re_path(
        rf"^webhooks/(?P<kind>{'|'.join(ADAPTERS)})/(?P<slug>[-a-zA-Z0-9_]{{1,50}})/?$",
        intake.webhook,
        name="intake-webhook",
    ),
    path("ref/<str:code>/", referral.landing, name="referral"),
    path("survey/<str:token>/", survey.survey, name="survey"),
    path("profile/<str:token>/", profile.profile, name="profile"),
]
