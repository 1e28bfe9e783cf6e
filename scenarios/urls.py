"""Addresses of this room: pages for clients (contract §4)."""

from django.urls import path

from scenarios.pages import join

urlpatterns = [path("join/<slug:slug>/", join.join, name="join")]
