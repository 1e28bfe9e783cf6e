"""Calling the API as a till does."""

import json
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import Client as Browser
from django.utils import timezone

from loyalty.models.api_key import SCOPES
from loyalty.services import api_keys

_numbers = count(1)


class Till:
    """A caller with a key of its own."""

    def __init__(self, *scopes: str, **values: Any) -> None:
        self.row, self.secret = api_keys.create(f"till {next(_numbers)}", scopes or SCOPES, timezone.now(), **values)
        self.browser = Browser(raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, key: str | None = "", **headers: str) -> HttpResponse:
        """Calls; `key` is the Idempotency-Key (empty: a new one, None: none at all), bytes go as they are."""
        given = {"Authorization": f"Bearer {self.secret}"} | headers
        if method == "POST" and key is not None:
            given["Idempotency-Key"] = key or f"key-{next(_numbers)}"
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        address = path if path.startswith("/") else f"/api/v1/{path}"
        return self.browser.generic(method, address, data, content_type="application/json", headers=given)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, key: str | None = "", **headers: str) -> HttpResponse:
        return self.call("POST", path, body if body is not None else {}, key, **headers)

    def patch(self, path: str, body: Any) -> HttpResponse:
        return self.call("PATCH", path, body)


def problem(answer: HttpResponse, status: int, kind: str = "", field: str = "") -> dict[str, Any]:
    """The problem document of an answer, checked to be one."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert {"type", "title", "status", "detail"} <= told.keys()
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    if kind:
        assert told["type"] == f"urn:loyalty:problem:{kind}"
    if field:
        assert field in {error["field"] for error in told["errors"]}, told
        assert all(error["reason"] for error in told["errors"])
    return told
