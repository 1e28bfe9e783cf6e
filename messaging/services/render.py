"""Liquid templates, as messages use them (semantics §25): parsed once, checked, rendered for one client."""

from collections.abc import Mapping
from functools import lru_cache

from django.utils.translation import gettext as t
from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from messaging.services import blocks, proofread, sandbox
from messaging.services.filters import FILTERS
from messaging.services.manner import Manner
from messaging.services.proofread import Problem
from messaging.services.sandbox import Sandbox
from messaging.services.vocabulary import STEP_VARIABLES as STEP_VARIABLES
from messaging.services.vocabulary import VARIABLES as VARIABLES

MAX_SOURCE = 100_000  # characters


class TemplateError(Exception):
    """A template that cannot be used: every problem with its line and column, in the current language."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class RenderError(Exception):
    """A text that could not be rendered for one client, most often a missing variable without a default."""


_PLAIN, _HTML = Sandbox(FILTERS, autoescape=False), Sandbox(FILTERS, autoescape=True)
for _environment in (_PLAIN, _HTML):
    blocks.add(_environment)


class Text:
    """A parsed template and the top-level variables that it reads. As HTML, it escapes the values it is given."""

    __slots__ = ("_constant", "_source", "_template", "names")

    def __init__(self, source: str, html: bool) -> None:
        self._template: BoundTemplate = (_HTML if html else _PLAIN).template(source)
        self.names: frozenset[str] = frozenset(self._template.global_variables())
        self._source = source
        self._constant = source if "{{" not in source and "{%" not in source else None

    def render(self, values: Mapping[str, object], manner: Manner | None = None) -> str:
        """The text for one client. Raises `RenderError`."""
        if self._constant is not None:
            return self._constant
        try:
            return sandbox.rendered(self._template, values, manner)
        except LiquidError as error:
            raise RenderError(_words(error)) from error
        except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError) as error:
            # A filter applied to what it is not made for.
            raise RenderError(str(error)) from error

    def problems(self) -> list[Problem]:
        """Variables, fields and filters that do not exist, in the order of the text."""
        return proofread.misspelt(self._template, self._source)

    def fields(self, name: str) -> list[tuple[str, int, int]]:
        """The fields that are read of a top-level variable, each with line and column, from 1, of every use."""
        return proofread.fields(self._template, self._source, name)

    def place(self, name: str) -> tuple[int, int]:
        """Line and column, from 1, of the first use of a top-level variable that the template reads."""
        return proofread.place(self._template, self._source, name)


@lru_cache(maxsize=2000)
def compiled(source: str, html: bool = False) -> Text:
    """The parsed template, kept for the next batch: the same text of a release is parsed once a process.

    Raises `TemplateError`.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateError([Problem(1, 1, t("longer than %(limit)s characters") % {"limit": MAX_SOURCE})])
    try:
        return Text(source, html)
    except (LiquidError, RecursionError) as error:
        raise TemplateError([proofread.unreadable(source, error, _PLAIN)]) from error


def check(source: str, html: bool = False) -> None:
    """Raises `TemplateError` where the template cannot be parsed or names what does not exist."""
    if found := compiled(source, html).problems():
        raise TemplateError(found)


def _words(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:500]
