"""Fields of requests and answers that every room uses."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from loyalty.intake import read
from loyalty.intake.facts import Refused
from loyalty.services.programme import current

MAX_INT = 2**63 - 1
# Ten to the power of 15: far above any balance, and sums of many stay within the columns.
MAX_AMOUNT = read.MAX_AMOUNT


def checked(reader: Callable[[], Any]) -> Any:
    """What an intake's reader makes of a value; its refusal as a refusal of this field."""
    try:
        return reader()
    except Refused as error:
        raise serializers.ValidationError(error.reason) from None


class Moment(serializers.DateTimeField):
    """A time: in with any offset (none: UTC), out in UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)

    def to_internal_value(self, value: Any) -> datetime:
        return checked(lambda: read.instant(read.required(value, ""), "", timezone.now()))


class Past(Moment):
    """A time that has come."""

    def to_internal_value(self, value: Any) -> datetime:
        return checked(lambda: read.moment(read.required(value, ""), "", timezone.now()))


class Future(Moment):
    """A time to come, within a hundred years."""

    def to_internal_value(self, value: Any) -> datetime:
        now = timezone.now()
        try:
            given = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise serializers.ValidationError(_("must be an ISO 8601 time")) from None
        given = given if given.tzinfo else given.replace(tzinfo=UTC)
        # The year is compared before any arithmetic, which overflows at the ends of the calendar.
        if not now.year - 1 <= given.year <= now.year + 100 or given <= now:
            raise serializers.ValidationError(_("must be in the future, within a hundred years"))
        return given.astimezone(UTC)


class Amount(serializers.IntegerField):
    """Bonuses, in minor units of the programme."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": MAX_AMOUNT} | options)


class Money(serializers.CharField):
    """Money as decimal text of its currency, "450.00": in as text or number, out as text.

    In, it becomes minor units of the programme's currency; out, the serializer hands it ready text.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 40, "help_text": 'Decimal text: "450.00".'} | options)

    def to_internal_value(self, value: Any) -> int:  # type: ignore[override]
        amount = checked(lambda: read.money(value, current().currency, ""))
        if amount is None:
            raise serializers.ValidationError(_("must be a number"))
        return amount

    def run_validators(self, value: Any) -> None:
        """Those of text do not fit what it has become."""


class Id(serializers.IntegerField):
    """An id of ours."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": MAX_INT} | options)


class ClientRef(serializers.CharField):
    """A client: `17`, `phone:+79991234567`, `email:a@example.com` or `external:<source>:<id>`."""

    def __init__(self, **options: Any) -> None:
        help_text = _("A client: 17, phone:+79991234567, email:a@example.com or external:<source>:<id>.")
        super().__init__(**{"max_length": 300, "help_text": help_text} | options)


class Row(serializers.ModelSerializer):
    """A row as it is shown: all its fields are read only, times are in UTC."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {models.DateTimeField: Moment}

    def get_extra_kwargs(self) -> dict[str, Any]:
        return {name: {"read_only": True} for name in self.Meta.fields} | super().get_extra_kwargs()
