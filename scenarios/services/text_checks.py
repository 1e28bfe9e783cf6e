"""What in the texts of a scenario is doubtful or cannot be, seen from the whole scenario (semantics §14, §25).

What a text alone can be judged by is the step's own problem; here is what its triggers, accounts and pages say of it.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from django.utils.translation import gettext as t

from messaging.services import addresses, render
from messaging.services.proofread import position
from messaging.services.render import Text
from scenarios.models import LandingPage, Step, Trigger
from scenarios.services import entry_fields
from scenarios.services.finding import Finding

_PAGE = re.compile(r"""["']([^"']*)["']\s*\|\s*join_page\b""")


def findings(steps: Sequence[Step], triggers: Collection[Trigger]) -> Iterator[Finding]:
    """Of all steps; a query for each of: what events said, landing pages, accounts — only where texts ask."""
    read = [(step, source, text) for step in steps for source in step.templates() if (text := _read(source))]
    yield from _of_entry(read, triggers)
    yield from _of_pages(read)
    yield from _of_sign_up(read)


_Read = Sequence[tuple[Step, str, Text]]


def _read(source: str) -> Text | None:
    try:
        return render.compiled(source)
    except render.TemplateError:
        return None  # the step's own problem


def _of_entry(read: _Read, triggers: Collection[Trigger]) -> Iterator[Finding]:
    if not any("entry" in text.names for _step, _source, text in read):
        return
    known = entry_fields.known(triggers)
    if known is None:
        return
    for step, _source, text in read:
        for name, line, column in text.fields("entry"):
            if name not in known:
                words = t("%(step)s: the event of the trigger has no «%(field)s» (line %(line)d, column %(column)d).")
                place = {"step": step.sentence(), "field": name, "line": line, "column": column}
                yield Finding(words % place, step.key, False)


def _of_pages(read: _Read) -> Iterator[Finding]:
    asked = [(step, source, use) for step, source, _text in read for use in _PAGE.finditer(source)]
    if not asked:
        return
    known = set(LandingPage.objects.values_list("slug", flat=True))
    for step, source, use in asked:
        if use[1] not in known:
            line, column = position(source, use.start())
            words = t("%(step)s: there is no landing page «%(page)s» (line %(line)d, column %(column)d).")
            place = {"step": step.sentence(), "page": use[1], "line": line, "column": column}
            yield Finding(words % place, step.key)


def _of_sign_up(read: _Read) -> Iterator[Finding]:
    asked = [(step, *use) for step, _source, text in read for use in text.fields("sign_up")]
    known = addresses.sign_up_links() if asked else {}
    for step, channel, line, column in asked:
        if channel not in known:
            words = t(
                "%(step)s: no account gives the link «sign_up.%(channel)s»: it will be empty"
                " (line %(line)d, column %(column)d)."
            )
            place = {"step": step.sentence(), "channel": channel, "line": line, "column": column}
            yield Finding(words % place, step.key, False)
