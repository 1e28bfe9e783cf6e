"""What the lists of facts share: they are read only, and big tables are never counted."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from django import forms
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from loyalty.money import major
from loyalty.services import find

# The database skips rows to reach a page: past this one, a filter finds things faster.
LAST_PAGE = 500


class ReadOnlyAdmin(ModelAdmin):
    """Rows that are written by the platform alone."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BigTableList(ChangeList):
    """A list that never counts, pages by previous and next, and ends where skipping would be slow."""

    def get_results(self, request: HttpRequest) -> None:
        if self.page_num > LAST_PAGE:
            raise IncorrectLookupParameters("page: too far; filter or search instead")
        super().get_results(request)


class BigTableAdmin(ReadOnlyAdmin):
    """A list of a table that may hold tens of millions of rows: newest first by id, searched by client."""

    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    ordering = ("-pk",)
    # The field that leads to the client; searching looks for clients first and then for their rows.
    client_field = "client"
    search_fields = ("client__phone",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BigTableList

    # Sorting by another column would sort the whole table.
    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        return ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(**{f"{self.client_field}__in": find.client_ids(search_term)}), False


class DayFilter(RangeDateFilter):
    """From a day to a day of the programme's zone, both included, as the user's language writes dates."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self._day("from"), self._day("to")
        if first:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": self.midnight(first)})
        if last:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": self.midnight(last + timedelta(days=1))})
        return queryset

    def _day(self, end: str) -> date | None:
        try:
            day = forms.DateField(required=False).clean(self.used_parameters.get(f"{self.parameter_name}_{end}"))
        except ValidationError:
            return None
        return day if day and 1900 < day.year < 3000 else None

    @staticmethod
    def midnight(day: date) -> datetime:
        """The beginning of a day of the programme's zone."""
        return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())


def money(minor: int | None, currency: str) -> str:
    """1999 minor units of USD as “19.99 USD”."""
    return "" if minor is None else f"{major(minor, currency):,} {currency}".replace(",", " ").strip()


def link(row: Model | None, words: str = "") -> SafeString | str:
    """A link to a row's page in the admin."""
    if row is None:
        return "—"
    options = row._meta
    address = _place(options.app_label, str(options.model_name)).replace("/0/", f"/{row.pk}/")
    return format_html('<a class="text-link" href="{}">{}</a>', address, words or str(row))


@lru_cache(maxsize=200)
def _place(app_label: str, model_name: str) -> str:
    """The page of the row 0: a list links hundreds of rows, and asks for their place once."""
    return reverse(f"admin:{app_label}_{model_name}_change", args=[0])


def masked(phone: str) -> str:
    """A phone that tells its owner from others without naming it: +7•••••4567."""
    return f"{phone[:2]}•••••{phone[-4:]}" if len(phone) > 7 else "•••" if phone else ""


def may_see_clients(request: HttpRequest) -> bool:
    """Whether phones and addresses are shown in full."""
    return request.user.has_perm("loyalty.view_client")


def bar(done: int, whole: int, words: str, bad: bool = False) -> SafeString:
    """A share as a bar, with words beside it."""
    return format_html(
        '<span class="bar{}"><progress value="{}" max="{}"></progress><small>{}</small></span>',
        " is-bad" if bad else "",
        done,
        max(whole, 1),
        words,
    )


def grouped(number: int) -> str:
    """1000000 as “1 000 000”, in one line."""
    return f"{number:,}".replace(",", "\u00a0")
