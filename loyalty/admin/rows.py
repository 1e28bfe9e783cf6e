"""The rows of a long list, drawn at once.

Unfold draws a cell by a template, and the headers anew for every row: a millisecond a row. What is the same in all
rows is made once here, what is the same in some of them once each, and the page looks as unfold's.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import label_for_field
from django.db.models import DateField
from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as t
from unfold.admin import checkbox
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES
from unfold.utils import display_for_field, display_for_header, display_for_label, display_for_value
from unfold.views import ChangeList

Draw = Callable[[Any], str]

_ODD = "bg-base-50 dark:bg-white/[.02]"
_BODY = '<tbody class="block relative lg:table-row-group {odd}">'
_ROW = (
    '<tr class="data-row block border border-base-200 mb-3 relative rounded-default lg:table-row lg:border-none'
    ' lg:mb-0 lg:rounded-none dark:border-base-800">'
)


def drawn(cl: ChangeList) -> SafeString:
    """The bodies of the table: one a row, as unfold marks them up."""
    cells = list(_cells(cl))
    found = []
    for number, row in enumerate(cl.result_list):
        found += [_BODY.format(odd=_ODD if number % 2 else ""), _ROW]
        found += [before + draw(row) + after for before, draw, after in cells]
        found.append("</tr></tbody>")
    return mark_safe("\n".join(found))  # noqa: S308 (every cell is escaped)


def _cells(cl: ChangeList) -> Iterator[tuple[str, Draw, str]]:
    """What stands before a cell of every column, how the cell is drawn, and what stands behind."""
    first = True
    for name in cl.list_display:
        if name == "action_checkbox":
            yield _opening("td", [f"field-{name}", *CHECKBOX_CLASSES], t("Select record")), _box(), "</td>"
            continue
        words = str(label_for_field(name, cl.model, cl.model_admin))
        draw = _column(cl, name)
        tag = "td"
        classes = [f"field-{name}", *ROW_CLASSES, *(["nowrap"] if _is_day(cl, name) else [])]
        if name in (cl.list_display_links or ()):
            draw, tag = _linked(cl, draw), "th" if first else "td"
            first = False
        yield _opening(tag, classes, words), draw, f"</{tag}>"


def _opening(tag: str, classes: list[str], words: str) -> str:
    return f'<{tag} class="{" ".join(classes)}" data-label="{conditional_escape(words)}">'


def _is_day(cl: ChangeList, name: str) -> bool:
    return not hasattr(cl.model_admin, name) and isinstance(cl.opts.get_field(name), DateField)


def _box() -> Draw:
    before, after = checkbox.render(ACTION_CHECKBOX_NAME, "{pk}").split("{pk}")
    return lambda row: f"{before}{row.pk}{after}"


def _linked(cl: ChangeList, draw: Draw) -> Draw:
    place = reverse(f"admin:{cl.opts.app_label}_{cl.opts.model_name}_change", args=["{pk}"])
    kept = add_preserved_filters({"preserved_filters": cl.preserved_filters, "opts": cl.opts}, place)
    before, after = conditional_escape(kept).replace("%7Bpk%7D", "{pk}").split("{pk}")
    classes = " ".join(LINK_CLASSES)
    return lambda row: f'<a href="{before}{row.pk}{after}" class="{classes}">{draw(row)}</a>'


def _column(cl: ChangeList, name: str) -> Draw:
    empty = cl.model_admin.get_empty_value_display()
    method = getattr(cl.model_admin, name, None)
    if method is None:
        field = cl.opts.get_field(name)
        return lambda row: conditional_escape(display_for_field(getattr(row, name), field, empty))
    label, header = getattr(method, "label", False), getattr(method, "header", False)
    if not label and not header:
        return lambda row: conditional_escape(display_for_value(method(row), empty))
    known: dict[tuple[str, ...], str] = {}

    def draw(row: Any) -> str:
        value = method(row)
        key = tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
        if key not in known:
            known[key] = display_for_label(value, empty, label) if label else display_for_header(value, empty)
        return known[key]

    return draw
