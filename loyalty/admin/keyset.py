"""Lists of tables that grow for ever, by keyset: a page begins where the last one ended, never by skipping rows.

A page costs the same however deep it is. What no index answers is looked for among `LOOK` rows at a time, and the page
says how far it looked: no combination of filters reads the whole table.
"""

import json
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import ngettext
from unfold.paginator import InfinitePaginator
from unfold.templatetags.unfold_list import result_headers
from unfold.views import ChangeList

from loyalty.admin.base import BigTableAdmin, grouped
from loyalty.admin.rows import drawn
from loyalty.services import look

# Rows that one page reads at most where no index answers its filters: a fraction of a second.
LOOK = 20_000

BEFORE, AFTER = "before", "after"


class KeysetPaginator(InfinitePaginator):
    """Only names the template; pages are found by the list."""

    template_name = "loyalty/keyset_pages.html"


class KeysetList(ChangeList):
    """A page of rows, newest first: those before, or after, an id."""

    # Where the neighbouring pages begin; None: there are none.
    older: int | None = None
    newer: int | None = None
    # The oldest row that was looked at, where the page is not full and there is more to look through.
    looked_to: Any = None
    # About how many rows the filters find; exact where the page shows them all.
    about = 0
    exact = False

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        self._take_places(request)
        return super().get_queryset(request, exclude_parameters)

    def _take_places(self, request: HttpRequest) -> None:
        """Keeps the page's place from filters and from the links and forms that carry all parameters on."""
        if not hasattr(self, "_places"):
            self._places = _place(request, BEFORE), _place(request, AFTER)
            request.GET = request.GET.copy()  # type: ignore[assignment]  # Django's forms of filters copy all of it
        for given in (self.filter_params, self.params, request.GET):
            for name in (BEFORE, AFTER):
                given.pop(name, None)  # type: ignore[attr-defined]

    def get_results(self, request: HttpRequest) -> None:
        with transaction.atomic():
            look.plan_anew()
            self._find()

    def _find(self) -> None:
        before, after = self._places
        leading = self.model_admin.leading(self)
        rows = self.queryset.order_by("-pk")
        if before is not None:
            rows = rows.filter(pk__lt=before)
        if after is not None:
            rows = rows.filter(pk__gt=after).order_by("pk")
        stop = None if leading is None else look.end(leading, before, after, LOOK)
        if stop is not None:
            rows = rows.filter(pk__lte=stop) if after is not None else rows.filter(pk__gte=stop)
        # Ids first: whatever plan finds them, what a page shows beside them is read for the page alone.
        ids = list(rows.values_list("pk", flat=True)[: self.list_per_page + 1])
        found = list(self.queryset.filter(pk__in=ids).order_by("-pk" if after is None else "pk")) if ids else []
        more = len(found) > self.list_per_page
        found = found[: self.list_per_page]
        if after is not None:
            found.reverse()
            self.newer = found[0].pk if more else stop
            self.older = found[-1].pk if found else after + 1
        else:
            self.older = found[-1].pk if more else stop
            self.newer = None if before is None else found[0].pk if found else before - 1
            if not more and stop is not None:
                self.looked_to = self.model._default_manager.filter(pk__gte=stop).order_by("pk").first()
        self.result_list, self.result_count = found, len(found)
        self.exact = before is None and after is None and not more and stop is None
        self.about = len(found) if self.exact else max(estimated(self.queryset), len(found))
        self.full_result_count = self.result_count  # how many there are, the page says itself
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = KeysetPaginator(found, self.list_per_page)

    def headers(self) -> list[dict[str, Any]]:
        """The headers of the columns, as unfold draws them."""
        return list(result_headers(self))

    def rows(self) -> SafeString:
        """The rows of the page, drawn at once."""
        return drawn(self)

    def about_words(self) -> str:
        """How many rows the filters find: counted where the page shows all of them, else about."""
        words = ngettext("%(n)s row", "%(n)s rows", self.about) % {"n": grouped(self.about)}
        return words if self.exact else t("about %(rows)s") % {"rows": words}

    def older_url(self) -> str:
        """The page of older rows; empty where there is none."""
        return "" if self.older is None else self.get_query_string({BEFORE: self.older})

    def newer_url(self) -> str:
        """The page of newer rows; empty where there is none."""
        return "" if self.newer is None else self.get_query_string({AFTER: self.newer})


class KeysetAdmin(BigTableAdmin):
    """A list by keyset, newest first by id."""

    change_list_template = "loyalty/keyset_list.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetList

    def leading(self, found: KeysetList) -> QuerySet[Any] | None:
        """The rows to look through for what the filters ask, in the order of an index: `LOOK` of them at a time.

        None: an index answers all that is asked, and the page needs no bound.
        """
        return None


def _place(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise IncorrectLookupParameters(f"{name}: must be an id")
    return int(text)


def estimated(rows: QuerySet[Any]) -> int:
    """About how many rows a query finds, by the planner's statistics: nothing is counted. 0 where it can find none."""
    plan = rows.order_by().values("pk").explain(format="json")
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"]) if plan else 0
