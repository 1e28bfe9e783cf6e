"""The formatted form of an e-mail: MJML or HTML made ready once a text, and its plain-text twin (semantics §25).

Both stay templates: Liquid runs over what is made here, so nothing is compiled or converted for a single message.
"""

import re
from functools import lru_cache
from html.entities import html5
from html.parser import HTMLParser
from typing import Any
from xml.parsers import expat

import mrml
from django.utils.translation import gettext as t

from messaging.services.proofread import Problem
from messaging.services.render import MAX_SOURCE, TemplateError

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MARK = re.compile(r"lqd(\d+)x")
_ENTITY = re.compile(r"&(#?\w+;)?")
_IS_MJML = re.compile(r"\s*(?:<!--.*?-->\s*)*<mjml[\s>/]", re.DOTALL | re.IGNORECASE)
# The compiler calls itself for what is inside, without a limit of its own.
MAX_DEPTH = 30
_ELEMENTS = frozenset(
    "mjml mj-head mj-body mj-attributes mj-all mj-class mj-breakpoint mj-font mj-preview mj-style mj-title"
    " mj-html-attributes mj-selector mj-html-attribute mj-raw mj-section mj-column mj-group mj-wrapper mj-hero mj-text"
    " mj-button mj-image mj-divider mj-spacer mj-table mj-social mj-social-element mj-navbar mj-navbar-link"
    " mj-accordion mj-accordion-element mj-accordion-title mj-accordion-text mj-carousel mj-carousel-image".split()
)


def is_mjml(source: str) -> bool:
    """Whether the text is MJML; any other is HTML as it stands."""
    return _IS_MJML.match(source) is not None


@lru_cache(maxsize=500)
def compiled(source: str) -> str:
    """The HTML of a formatted text, still a template. Raises TemplateError."""
    if len(source) > MAX_SOURCE:
        raise TemplateError([Problem(1, 1, t("longer than %(limit)s characters") % {"limit": MAX_SOURCE})])
    if not is_mjml(source):
        return source
    # As browsers send it, and with what stands after its end, the compiler would not take it.
    marked, kept = _marked(source.replace("\r\n", "\n").rstrip())
    document = _as_xml(marked)
    _judged(document)
    try:
        made = mrml.to_html(document).content
    except (OSError, ValueError) as error:
        raise TemplateError([Problem(1, 1, t("not understood: %(error)s") % {"error": str(error)[:200]})]) from error
    return _restored(made, kept)


def _marked(source: str) -> tuple[str, list[str]]:
    """The text with marks in place of Liquid, whose signs would be no XML; and what they stand for."""
    kept: list[str] = []

    def mark(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"lqd{len(kept) - 1}x"

    return _LIQUID.sub(mark, _MARK.sub(lambda found: f"lqd {found[1]}x", source)), kept


def _restored(text: str, kept: list[str]) -> str:
    return _MARK.sub(lambda found: kept[int(found[1])] if int(found[1]) < len(kept) else found[0], text)


def _as_xml(source: str) -> str:
    """HTML's entities as letters, and its elements without an end closed: what people write, as XML has it."""

    def entity(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "&amp;"
        if name.startswith("#") or name in ("amp;", "lt;", "gt;", "quot;", "apos;"):
            return found[0]
        return html5.get(name, f"&amp;{name}")

    return re.sub(r"<(br|hr)\s*>", r"<\1/>", _ENTITY.sub(entity, source), flags=re.IGNORECASE)


def _judged(document: str) -> None:
    """Refuses what is no MJML, by line and column. Raises TemplateError."""
    parser = expat.ParserCreate()
    wrong: list[Problem] = []
    depth = 0

    def here(words: str) -> None:
        wrong.append(Problem(parser.CurrentLineNumber, parser.CurrentColumnNumber + 1, words))

    def start(name: str, _attributes: Any) -> None:
        nonlocal depth
        depth += 1
        if depth == MAX_DEPTH + 1:
            here(t("nested too deeply"))
        if name.startswith("mj") and name not in _ELEMENTS:
            here(t("MJML has no «%(name)s»") % {"name": name[:40]})

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_args: Any) -> None:
        here(t("a document type is not allowed"))

    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, doctype
    if "<!DOCTYPE" in document.upper():
        raise TemplateError([Problem(1, 1, t("a document type is not allowed"))])
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        words = t("not understood: %(error)s") % {"error": expat.ErrorString(error.code)}
        wrong.append(Problem(error.lineno, error.offset + 1, words))
    if wrong:
        raise TemplateError(wrong[:10])


_SKIPPED = {"head", "title", "style", "script"}
_BREAKING = {"p", "div", "table", "tr", "ul", "ol", "section", "header", "footer", "blockquote"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


class _Reader(HTMLParser):
    """Reads HTML aloud, as a plain text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._skipped = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _SKIPPED:
            self._skipped += 1
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "hr":
            self.parts.append("\n---\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in _HEADINGS or tag == "p":
            self.parts.append("\n\n")
        elif tag in _BREAKING:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "img":
            self.handle_data(given.get("alt") or "")
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipped = max(0, self._skipped - 1)
        elif tag in _HEADINGS or tag == "p":
            self.parts.append("\n\n")
        elif tag in _BREAKING:
            self.parts.append("\n")
        elif tag == "a" and self._links:
            href, since = self._links.pop()
            said = "".join(self.parts[since:]).strip()
            if href and not href.startswith("#") and href.removeprefix("mailto:") != said:
                self.parts.append(f": {href} " if said else f"{href} ")

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.parts.append(re.sub(r"[ \t\r\n\xa0\u200b\u00ad\u034f]+", " ", data))


@lru_cache(maxsize=500)
def twin(html: str) -> str:
    """The plain text that says what a formatted template says; a template too, its Liquid in the same order."""
    marked, kept = _marked(html)
    reader = _Reader()
    reader.feed(marked)
    reader.close()
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"[ \t]+", " ", "".join(reader.parts)))
    return _restored(re.sub(r"\n{3,}", "\n\n", text).strip(), kept)
