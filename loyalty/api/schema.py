"""The OpenAPI description: what every operation shares is said once, here."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from loyalty.api.problems import KINDS, MEDIA_TYPE

of_client = extend_schema(
    parameters=[
        OpenApiParameter(
            "ref",
            str,
            OpenApiParameter.PATH,
            description="`17`, `phone:+79991234567`, `email:a@example.com` or `external:<source>:<id>`",
        )
    ]
)


class ProblemError(serializers.Serializer):
    """Which field is to blame, and why."""

    field = serializers.CharField()
    reason = serializers.CharField()


class ProblemOut(serializers.Serializer):
    """A problem document (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ProblemError(many=True, required=False)


class Described(AutoSchema):
    """Adds to every operation its problems, and to every POST its Idempotency-Key."""

    def get_tags(self) -> list[str]:
        return [self.view.resource] if getattr(self.view, "resource", "") else super().get_tags()

    def get_override_parameters(self) -> list[Any]:
        given = list(super().get_override_parameters())
        if self.method == "POST":
            given.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    str,
                    OpenApiParameter.HEADER,
                    required=self.view.action not in getattr(self.view, "reads", ()),
                    description="Yours, unique: the same key and body are answered as before; another body is a 409.",
                )
            )
        return given

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        found = super()._get_response_bodies(direction)
        codes = [400, 401, 403, 404, 429] + ([409] if self.method in ("POST", "PATCH") else [])
        titles = {code: str(title) for code, title in reversed(KINDS.values())}
        for code in codes:
            problem = OpenApiResponse(ProblemOut, description=titles[code])
            found.setdefault(
                str(code), self._get_response_for_code(problem, str(code), [MEDIA_TYPE], direction=direction)
            )
        return found


class BearerScheme(OpenApiAuthenticationExtension):
    """How keys are given."""

    target_class = "loyalty.api.auth.BearerKey"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of `manage.py create_api_key`."}
