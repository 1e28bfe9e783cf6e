"""Bodies that PostgreSQL can hold: the same reader as the intake's."""

from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from loyalty.intake import body
from loyalty.intake.facts import Refused


class Json(BaseParser):
    """JSON: ids of any length keep every digit, and what cannot be stored is refused at its place."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping | None = None) -> Any:
        raw = stream.read()
        if not raw.strip():
            return {}
        try:
            value = body.parse(raw)
            body.check(value)
        except body.NotJson as error:
            raise ParseError(f"body {error.reason}") from None
        except Refused as error:
            raise ParseError(f"{error.field or 'body'} {error.reason}") from None
        if not isinstance(value, dict):
            raise ParseError(_("body must be an object"))
        return value
