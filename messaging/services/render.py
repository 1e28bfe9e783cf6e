"""Liquid templates, sandboxed (semantics §25): no Python objects, bounded loops, memory and output."""

from collections.abc import Mapping
from functools import lru_cache

from django.utils.translation import gettext as t
from liquid import Environment, StrictDefaultUndefined
from liquid.exceptions import LiquidError
from liquid.extra import JSON

MAX_SOURCE = 100_000  # characters


class TemplateError(Exception):
    """A template that cannot be used: what is wrong, with its line."""


class RenderError(Exception):
    """A text that could not be rendered for one client, most often a missing variable without a default."""


class _Sandbox(Environment):
    context_depth_limit = 20
    loop_iteration_limit = 10_000
    local_namespace_limit = 100_000
    output_stream_limit = 500_000  # bytes


_environment = _Sandbox(undefined=StrictDefaultUndefined)
_environment.add_filter("json", JSON(default=str))
# Partials would read files: there are none to read, and no tag that could ask for them.
for _tag in ("include", "render"):
    _environment.tags.pop(_tag, None)


class Text:
    """A parsed template and the top-level variables that it reads."""

    __slots__ = ("_constant", "_template", "names")

    def __init__(self, source: str) -> None:
        self._template = _environment.from_string(source)
        self.names: frozenset[str] = frozenset(self._template.global_variables())
        self._constant = source if "{{" not in source and "{%" not in source else None

    def render(self, values: Mapping[str, object]) -> str:
        """The text for one client. Raises `RenderError`."""
        if self._constant is not None:
            return self._constant
        try:
            return self._template.render(values)
        except LiquidError as error:
            raise RenderError(_words(error)) from error
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            # A filter applied to what it is not made for.
            raise RenderError(str(error)) from error


@lru_cache(maxsize=2000)
def compiled(source: str) -> Text:
    """The parsed template, kept for the next batch. Raises `TemplateError`."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(t("longer than %(limit)s characters") % {"limit": MAX_SOURCE})
    try:
        return Text(source)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(t("The variables cannot be read: %(error)s") % {"error": _words(error)}) from error


def check(source: str) -> None:
    """Raises `TemplateError` where the template cannot be parsed or reads a variable that does not exist."""
    unknown = compiled(source).names - VARIABLES
    if unknown:
        raise TemplateError(t("There is no such variable: %(names)s") % {"names": ", ".join(sorted(unknown))})


# What a template may read; `variables.load` fills them.
# The ones that only a step above the message can give, or (burning) a notice.
STEP_VARIABLES = frozenset({"promo", "access", "gift", "survey", "products", "burning"})
VARIABLES = STEP_VARIABLES | {"client", "bonus", "cart", "entry", "referral"}


def _words(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:500]
