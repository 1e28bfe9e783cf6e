"""Filters of lists. Lists are ordered by id, so each filter needs an index that goes with it."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from loyalty.api.fields import MAX_INT
from loyalty.intake.facts import Refused
from loyalty.services import refs


class Filters(django_filters.FilterSet):
    """A list's filters."""


class _ClientField(forms.CharField):
    """A reference to a client, as it is written; refused under the parameter's name."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if value:
            try:
                refs.name_of(value)
            except Refused as error:
                raise forms.ValidationError(error.reason) from None


class ClientFilter(django_filters.CharFilter):
    """Of one client, named as everywhere."""

    field_class = _ClientField

    def filter(self, rows: QuerySet, value: str) -> QuerySet:
        if not value:
            return rows
        found = refs.client_ids([value])
        return rows.filter(**{self.field_name: found[value]}) if value in found else rows.none()


class IdFilter(django_filters.NumberFilter):
    """By an id of ours."""

    field_class = forms.IntegerField

    def __init__(self, field_name: str, **options: Any) -> None:
        super().__init__(field_name, min_value=1, max_value=MAX_INT, **options)

    def get_max_validator(self) -> None:
        """The field's own maximum serves."""
