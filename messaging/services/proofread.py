"""What is wrong with a template, with line and column, in words that its author understands (semantics §25)."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from django.utils.translation import gettext as t
from liquid import BoundTemplate, Environment
from liquid.exceptions import BlockNestingError, LiquidError

from messaging.services.vocabulary import FIELDS

_CHUNK = re.compile(r"\{\{.*?\}\}|\{%-?\s*(\w*).*?%\}", re.DOTALL)
_BLOCKS = {"if", "unless", "for", "case", "capture", "comment", "raw", "ifchanged", "doc"}
_INNER = {"else", "elsif", "when"}
# Fields of every list, text and mapping.
_COMMON = {"size", "first", "last"}


class Problem(NamedTuple):
    """One problem, where it is: line and column from 1."""

    line: int
    column: int
    words: str

    def __str__(self) -> str:
        place = {"line": self.line, "column": self.column}
        return t("line %(line)d, column %(column)d") % place + f": {self.words}"


def position(source: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a place in the text."""
    return source.count("\n", 0, index) + 1, index - (source.rfind("\n", 0, index) + 1) + 1


def place(template: BoundTemplate, source: str, name: str) -> tuple[int, int]:
    """Line and column of the first use of a top-level variable."""
    uses = template.analyze().globals.get(name, ())
    return min((position(source, use.span.index) for use in uses), default=(1, 1))


def fields(template: BoundTemplate, source: str, name: str) -> list[tuple[str, int, int]]:
    """The fields that are read of a top-level variable, each with line and column of every use."""
    return [
        (use.segments[1], *position(source, use.span.index))
        for use in template.analyze().globals.get(name, ())
        if len(use.segments) > 1 and isinstance(use.segments[1], str)
    ]


def misspelt(template: BoundTemplate, source: str) -> list[Problem]:
    """Variables, fields and filters that do not exist, in the order of the text."""
    found = template.analyze()
    wrong: list[Problem] = []
    for name, uses in found.globals.items():
        for use in uses:
            words = _unknown(name, [segment for segment in use.segments[1:2] if isinstance(segment, str)])
            if words:
                wrong.append(Problem(*position(source, use.span.index), words))
    for name, spans in found.filters.items():
        if name not in template.env.filters:
            words = t("there is no filter «%(name)s»") % {"name": name} + _perhaps(name, template.env.filters)
            wrong += [Problem(*position(source, span.index), words) for span in spans]
    return sorted(set(wrong))


def _unknown(name: str, fields: list[str]) -> str:
    if name not in FIELDS:
        return t("there is no variable «%(name)s»") % {"name": name} + _perhaps(name, FIELDS)
    known = FIELDS[name]
    for field in fields:
        if known is not None and field not in known | _COMMON:
            words = t("«%(variable)s» has no «%(field)s»") % {"variable": name, "field": field}
            return words + _perhaps(field, known)
    return ""


def _perhaps(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), 1, 0.6)
    return t(": perhaps «%(name)s»?") % {"name": close[0]} if close else ""


def unreadable(source: str, error: Exception, environment: Environment) -> Problem:
    """Why, and where, the text cannot be parsed."""
    if isinstance(error, BlockNestingError | RecursionError):
        return Problem(1, 1, t("nested too deeply"))
    said = str(error.args[0]) if error.args else ""
    token = getattr(error, "token", None)
    if token is not None and token.start_index >= 0:
        # Where a tag stands, its braces are what one looks for.
        index = source.rfind("{", 0, token.start_index + 2)
        index = index - 1 if index > 0 and source[index - 1] == "{" else index
        at = (
            index
            if said.startswith(("unexpected tag", "missing", "expected tag")) and index >= 0
            else token.start_index
        )
    else:
        at, said = _culprit(source, said, environment)
    return Problem(*position(source, min(at, len(source))), _explained(said))


def _explained(said: str) -> str:
    name = (re.findall(r"'([^']*)'", said) or re.findall(r"tag (\w+)", said) or [""])[0]
    if said.startswith("unexpected tag"):
        if name.startswith("end") or name in _INNER:
            return t("«%(tag)s» has no beginning") % {"tag": f"{{% {name} %}}"}
        return t("there is no tag «%(name)s»") % {"name": name}
    if said.startswith("expected tag"):
        return t("«%(tag)s» is missing") % {"tag": f"{{% {name} %}}"}
    if "end of file" in said or "closing delimiter" in said:
        return t("the brace opened here is not closed")
    if "found end of expression" in said or said == "missing expression":
        return t("something is missing inside the braces")
    if said in ('unexpected "\'"', "unexpected '\"'"):
        return t("the quotation mark opened here is not closed")
    if "range can only" in said:
        return t("a range can only be looped over")
    return t("not understood: %(error)s") % {"error": said[:200]}


def _culprit(source: str, said: str, environment: Environment) -> tuple[int, str]:
    """The place of an error that the parser gives no place for: at an end. Its words may become more exact."""
    opened: list[tuple[str, int]] = []
    for chunk in _CHUNK.finditer(source):
        tag = chunk[1]
        if tag in _BLOCKS:
            opened.append((tag, chunk.start()))
        elif tag and tag.startswith("end") and opened:
            opened.pop()
        if (alone := _alone(chunk[0], tag or "", environment)) and alone == said:
            return chunk.start(), said
    if said.startswith("expected tag") and opened:
        tag, at = opened[-1]
        return at, f"expected tag end{tag}"
    return 0, said


def _alone(chunk: str, tag: str, environment: Environment) -> str:
    if tag in _INNER or tag.startswith("end"):
        return ""
    try:
        environment.from_string(chunk + (f"{{% end{tag} %}}" if tag in _BLOCKS else ""))
    except (LiquidError, RecursionError) as error:
        return str(error.args[0]) if error.args else ""
    return ""
