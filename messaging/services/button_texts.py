"""The buttons of a message as they are written: for one client, with their variables filled in (semantics §28)."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as t

from messaging import buttons
from messaging.buttons import Button, Kind
from messaging.services import render
from messaging.services.manner import Manner
from segments.models import Segment


class Keyboard:
    """Buttons as their author has them, ready for a batch: at most one query, for the segments that they name."""

    def __init__(self, said: Sequence[dict[str, str]]) -> None:
        self._said = said
        self._texts = [(render.compiled(row["text"]), render.compiled(row.get("url", ""))) for row in said]
        self._segments = _segments(said)

    @property
    def names(self) -> frozenset[str]:
        """The top-level variables that the buttons read."""
        return frozenset[str]().union(*(text.names for pair in self._texts for text in pair))

    def of(self, values: Mapping[str, object], manner: Manner) -> tuple[Button, ...]:
        """The buttons of one client's message. Raises `RenderError`."""
        return tuple(
            Button(
                text.render(values, manner)[: buttons.MAX_TEXT],
                row["kind"],
                url.render(values, manner) if row["kind"] == Kind.LINK else "",
                self._segments.get(row.get("segment", "")) if row["kind"] == Kind.SEGMENT else None,
                row.get("thanks", ""),
            )
            for row, (text, url) in zip(self._said, self._texts, strict=True)
        )


def _segments(said: Sequence[dict[str, str]]) -> dict[str, int]:
    slugs = {row.get("segment", "") for row in said if row["kind"] == Kind.SEGMENT}
    return dict(Segment.objects.filter(slug__in=slugs).values_list("slug", "pk")) if slugs else {}


def problems(said: Sequence[dict[str, str]]) -> list[str]:
    """What is wrong with the texts and segments of buttons, in the current language."""
    found: list[str] = []
    for text in buttons.templates(said):
        try:
            render.check(text)
        except render.TemplateError as error:
            found.append(f"«{text}»: {error}")
    slugs = {row["segment"]: row["text"] for row in said if row["kind"] == Kind.SEGMENT}
    kinds = dict(Segment.objects.filter(slug__in=slugs).values_list("slug", "kind")) if slugs else {}
    for slug, text in slugs.items():
        words = {"button": text, "segment": slug}
        if slug not in kinds:
            found.append(t("«%(button)s»: there is no segment «%(segment)s» any more.") % words)
        elif kinds[slug] != Segment.Kind.STATIC:
            found.append(t("«%(button)s»: the segment is filled by its rule.") % words)
    return found
