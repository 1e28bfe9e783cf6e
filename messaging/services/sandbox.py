"""The fence around templates: bounded steps, time, memory and output, and no Python objects (semantics §25).

The library's own limits leave gaps: one loop after another is not summed up, `reversed` and `offset` walk a range
before its length is looked at, filters may multiply what they are given. Here every pass of a loop and every filter
pays by what it may cost, and nothing that a template makes grows past a bound. Steps are counted rather than time,
so that a text renders everywhere or nowhere; the time of the processor is the last resort.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext, StrictDefaultUndefined
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.exceptions import (
    FilterArgumentError,
    LiquidInterrupt,
    LiquidSyntaxError,
    ResourceLimitError,
    UnknownFilterError,
)
from liquid.expression import Expression
from liquid.extra import JSON
from liquid.token import Token
from liquid.undefined import UNDEFINED

from messaging.services.manner import Manner

MAX_STEPS = 100_000  # passes of loops, weighed by what is in them, and filters, by the length of what they are given
MAX_SECONDS = 2.0  # of the processor, in this thread
MAX_TEXT = 300_000  # characters of any one value, of all variables together, and of what is written
MAX_ITEMS = 2_000  # of a list that a filter is given or makes
MAX_PASSES = 10_000  # of one loop
MAX_NUMBER = 10**30
_OPENS = re.compile(r"\{\{|\{%")
_VERBATIM = {name: re.compile(r"\{%-?\s{0,200}" + name + r"\s{0,200}-?%\}") for name in ("raw", "doc")}
_GAP = re.compile(r"\{[{%][^{}%]{0,100}\s{201}")
# The clock is looked at once in so many steps.
LOOK = 500


class TooMuch(ResourceLimitError):
    """The template asks for more than any message needs."""

    def __init__(self, what: str) -> None:
        super().__init__(what, token=None)


class Context(RenderContext):
    """One rendering: what it may still spend, and for whom it is."""

    __slots__ = ("deadline", "look_at", "manner", "steps", "stored", "written")

    def __init__(self, *args: Any, manner: Manner | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manner = manner
        self.steps = self.written = self.stored = 0
        self.look_at, self.deadline = LOOK, 0.0

    def spend(self, steps: int) -> None:
        """Pays for work about to be done. Raises TooMuch."""
        self.steps += steps
        if self.steps > self.look_at:
            self._look()

    def _look(self) -> None:
        if self.steps > MAX_STEPS:
            raise TooMuch("more than a message may do: too many passes of loops, or too long texts in filters")
        self.look_at = self.steps + LOOK
        now = time.thread_time()
        self.deadline = self.deadline or now + MAX_SECONDS
        if now > self.deadline:
            raise TooMuch(f"not done in {MAX_SECONDS:g} s")

    def assign(self, key: str, val: Any) -> None:
        self.stored += size(val) - size(self.locals.get(key, ""))
        if self.stored > MAX_TEXT:
            raise TooMuch(f"variables longer than {MAX_TEXT} characters together")
        self.locals[key] = val

    def get_buffer(self, buf: Any = None) -> Any:
        return Buffer(self)

    def get(self, path: list[Any], *, token: Token | None, default: object = UNDEFINED) -> object:
        # A shortcut for `client.first_name`, as most paths are; the library's way is the same and slower.
        if len(path) == 2 and type(path[1]) is str:
            try:
                found = self.scope[path[0]]
            except (KeyError, TypeError):
                return super().get(path, token=token, default=default)
            if type(found) is dict and path[1] in found:
                return found[path[1]]
        return super().get(path, token=token, default=default)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        try:
            return partial(self.env.filters[name], self)
        except KeyError:
            raise UnknownFilterError(f"unknown filter '{name}'", token=token) from None


class Buffer:
    """What is written, captured texts included, up to a limit for the whole rendering."""

    __slots__ = ("context", "parts")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        """Takes one more piece. Raises TooMuch."""
        self.context.written += len(text)
        if self.context.written > MAX_TEXT:
            raise TooMuch(f"longer than {MAX_TEXT} characters")
        self.parts.append(text)
        return len(text)

    def getvalue(self) -> str:
        """Everything that was written."""
        return "".join(self.parts)


def size(value: Any) -> int:
    """About how many characters a value is. Raises TooMuch where it is more than any message needs."""
    kind = type(value)  # a missing value raises when it is asked for its class
    if issubclass(kind, str):
        found = len(value)
    elif kind is list or kind is tuple:
        if len(value) > MAX_ITEMS:
            raise TooMuch(f"a list of more than {MAX_ITEMS} items")
        found = len(value) + sum(len(item) for item in value if type(item) is str)
    elif kind is int:
        if not -MAX_NUMBER < value < MAX_NUMBER:
            raise TooMuch("a number too large")
        return 1
    else:
        return 1
    if found > MAX_TEXT:
        raise TooMuch(f"a text longer than {MAX_TEXT} characters")
    return found


def _replaced(value: object, old: object = "", new: object = "") -> int:
    """The length of what `replace` makes, before it makes it."""
    text, old, new = str(value), str(old), str(new)
    return len(text) + text.count(old) * len(new)


def _joined(value: object, separator: object = " ") -> int:
    return len(value) * len(str(separator)) if isinstance(value, list | tuple) else 0


# What these filters make may be the product of what they are given.
_PRODUCTS: Mapping[str, Callable[..., int]] = {"replace": _replaced, "join": _joined}
# Every pair of items may be compared.
_QUADRATIC = {"uniq"}


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with its price and its bounds."""
    made = _PRODUCTS.get(name)
    extras = [wanted for wanted in ("context", "environment") if getattr(function, f"with_{wanted}", False)]

    def call(context: Context, value: Any, *args: Any, **named: Any) -> Any:
        given = size(value)
        for arg in args:
            given += size(arg)
        if name in _QUADRATIC and type(value) is list:
            given += len(value) ** 2
        context.spend(1 + given // 100)
        if made and given + made(value, *args) > MAX_TEXT:
            raise TooMuch(f"a text longer than {MAX_TEXT} characters")
        if extras:
            named |= {"context": context} if "context" in extras else {"environment": context.env}
        try:
            result = function(value, *args, **named)
        except (ArithmeticError, ValueError, AttributeError) as error:
            # A filter applied to what it is not made for.
            raise FilterArgumentError(f"{name}: {error}", token=None) from error
        size(result)
        return result

    return call


class _Pass(BlockNode):
    """The inside of a loop: each pass is paid for."""

    __slots__ = ("weight",)

    def __init__(self, block: BlockNode) -> None:
        super().__init__(block.token, block.nodes)
        self.weight = sum(_weight(node) for node in block.nodes) + 1

    def render_to_output(self, context: Any, buffer: Any) -> int:
        context.spend(self.weight)
        return super().render_to_output(context, buffer)


def _weight(node: Node) -> int:
    own = 1 + sum(map(_terms, node.expressions()))
    # Loops inside pay for themselves.
    return own + sum(_weight(child) for child in _children(node) if not isinstance(child, _Pass))


def _children(node: Node) -> list[Node]:
    return list(node.children(None))  # type: ignore[arg-type]  # without partials, no context is needed


def _terms(expression: Expression) -> int:
    return 1 + sum(map(_terms, expression.children()))


class _For(ForNode):
    __slots__ = ()

    def __init__(
        self, token: Token, expression: LoopExpression, block: BlockNode, default: BlockNode | None = None
    ) -> None:
        super().__init__(token, expression, _Pass(block), default)

    def render_to_output(self, context: Any, buffer: Any) -> int:
        items = self.expression.iterable.evaluate(context)
        length = (
            items.stop - items.start if isinstance(items, range) else len(items) if hasattr(items, "__len__") else 0
        )
        if length > MAX_PASSES:
            raise TooMuch(f"a loop of more than {MAX_PASSES} passes")
        return super().render_to_output(context, buffer)


class _ForTag(ForTag):
    node_class = _For


class Sandbox(Environment):
    """An environment whose templates can do no harm; `filters` are those of the house, before the common ones."""

    context_depth_limit = 40
    block_nesting_limit = 30

    def __init__(self, filters: Mapping[str, Callable[..., Any]], autoescape: bool) -> None:
        super().__init__(undefined=StrictDefaultUndefined, autoescape=autoescape)
        self.add_filter("json", JSON(default=str))
        # Partials would read files; a table's row is a loop of its own; what is left is for other outputs.
        for tag in ("include", "render", "tablerow", "liquid"):
            self.tags.pop(tag, None)
        for name in ("safe", "escapejs"):
            self.filters.pop(name, None)
        self.add_tag(_ForTag)
        for name, function in {**self.filters, **filters}.items():
            self.filters[name] = guarded(name, function)

    def template(self, source: str) -> BoundTemplate:
        """The parsed template. Raises LiquidError, and RecursionError where it is nested beyond measure."""
        _closed(source)
        made = self.from_string(source)
        for node in _all(made.nodes):
            for expression in node.expressions():
                _no_ranges(expression)
        return made


def _closed(source: str) -> None:
    """Refuses what the library's lexer would search for to the end, again and again, and never find."""
    ends = {"{{": source.rfind("}}"), "{%": source.rfind("%}")}
    for found in _OPENS.finditer(source):
        if found.start() > ends[found[0]]:
            closing = "expected '}}', found end of file"
            raise LiquidSyntaxError(closing, token=Token("", "", found.start(), source))
    for name, opens in _VERBATIM.items():
        last = source.rfind(f"end{name}")
        for found in opens.finditer(source):
            if found.start() > last:
                raise LiquidSyntaxError(f"expected tag end{name}", token=Token("", "", found.start(), source))
    if space := _GAP.search(source):
        raise LiquidSyntaxError("a long gap inside the braces", token=Token("", "", space.start(), source))


def rendered(template: BoundTemplate, values: Mapping[str, object], manner: Manner | None) -> str:
    """The text. Raises LiquidError, TooMuch among them."""
    context = Context(template, globals=values, manner=manner)
    buffer = Buffer(context)
    try:
        for node in template.nodes:
            node.render(context, buffer)  # type: ignore[arg-type]  # written to, and nothing else
    except LiquidInterrupt:
        pass  # `break` outside of a loop ends the text
    return buffer.getvalue()


def _all(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(_children(node))


def _no_ranges(expression: Expression) -> None:
    """A range is to be looped over; elsewhere it would be walked by whoever looks into it."""
    if isinstance(expression, RangeLiteral):
        raise LiquidSyntaxError("a range can only be looped over", token=expression.token)
    for child in expression.children():
        if not (isinstance(expression, LoopExpression) and child is expression.iterable):
            _no_ranges(child)
