"""Addresses with and without the last slash: Django cannot redirect a POST."""

from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    """Routes of the API."""

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"
