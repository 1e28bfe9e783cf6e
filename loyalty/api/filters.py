"""Filters of lists."""

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from loyalty.intake.facts import Refused
from loyalty.services import refs


class Filters(django_filters.FilterSet):
    """A list's filters; lists are ordered by id, so each filter needs an index that goes with it."""


class ClientFilter(django_filters.CharFilter):
    """Of one client, named as everywhere."""

    def filter(self, rows: QuerySet, value: str) -> QuerySet:
        if not value:
            return rows
        try:
            found = refs.client_ids([value])
        except Refused as error:
            raise ValidationError({self.field_name: error.reason}) from None
        return rows.filter(**{self.field_name: found[value]}) if value in found else rows.none()


class IdFilter(django_filters.CharFilter):
    """By an id of ours, given in digits."""

    def filter(self, rows: QuerySet, value: str) -> QuerySet:
        if not value:
            return rows
        if not (value.isascii() and value.isdecimal() and len(value) < 19):
            raise ValidationError({self.field_name: _("must be an id, in digits")})
        return rows.filter(**{self.field_name: int(value)})
