"""Addresses of this room: pages for clients (contract §4), callbacks of providers (§2)."""

from django.urls import include, path, re_path

from messaging.pages import button, confirm, pictures, preferences, push, tracked
from messaging.webhooks import email, telegram, twilio, vk

# With and without the last slash: an address in an SMS is as short as it can be.
urlpatterns = [
    re_path(r"^i/(?P<kind>qr|barcode)/(?P<signed>[\w.-]{1,400})\.png$", pictures.picture, name="code-picture"),
    re_path(r"^r/(?P<token>[\w-]{1,64})/?$", tracked.link, name="tracked-link"),
    re_path(r"^o/(?P<token>[\w-]{1,64})(?:\.gif)?/?$", tracked.picture, name="tracked-open"),
    re_path(r"^u/(?P<token>[\w-]{1,64})/?$", preferences.preferences, name="preferences"),
    re_path(r"^b/(?P<token>[\w-]{1,64})/?$", button.button, name="button"),
    re_path(r"^c/(?P<token>[\w-]{1,64})/?$", confirm.confirm, name="confirm"),
    path("push/worker.js", push.worker, name="push-worker"),
    re_path(r"^push/(?P<token>[\w-]{1,64})/?$", push.page, name="push"),
    re_path(r"^webhooks/telegram/(?P<account_id>\d{1,18})/?$", telegram.update, name="telegram-update"),
    re_path(r"^webhooks/vk/(?P<account_id>\d{1,18})/?$", vk.callback, name="vk-callback"),
    re_path(r"^webhooks/twilio/status/?$", twilio.status, name="twilio-status"),
    re_path(r"^webhooks/twilio/inbound/?$", twilio.inbound, name="twilio-inbound"),
    path("webhooks/email/", include(email)),
]
