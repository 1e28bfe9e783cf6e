"""How often something happened in a window."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.event_names import event_label
from segments.conditions import comparison
from segments.conditions.amounts import Counted, happened
from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term


def says(facts: Facts, path: str, operator: str, value: str) -> str:
    """Whether the payload of the event `e` fits at a path such as `total` or `lines.brand`.

    Lists on the way are gone through; one element that fits is enough. "Differs" and "is empty" want that none does.
    """
    opposite = {comparison.Operator.DIFFERS: comparison.Operator.EQUALS, comparison.Operator.EMPTY: "filled"}
    asked = opposite.get(comparison.Operator(operator), operator)
    steps = "".join(f".{json.dumps(step, ensure_ascii=False)}" for step in path.split("."))
    # "[*]" only for what compares single values: a list that includes something is compared whole.
    each = "" if asked == comparison.Operator.INCLUDES else "[*]"
    found = f"SELECT FROM jsonb_path_query(e.payload, {facts.value('$' + steps + each)}::jsonpath) AS v(j)"
    fits = comparison.compare(facts, asked, value, "(v.j #>> '{}')", "v.j")
    return f"{'NOT ' if asked != operator else ''}EXISTS ({found} WHERE {fits})"


class EventCountCondition(Counted, Condition):
    """An event happened at least, or at most, n times in the window; only those that say something, where asked."""

    menu_group = MenuGroup.BEHAVIOUR

    event_name = models.CharField(_("event"), max_length=100)
    path = models.CharField(
        _("only if its property"),
        max_length=100,
        blank=True,
        help_text=_("Such as total, category or lines.brand. Empty: every such event."),
    )
    operator = models.CharField(
        _("comparison"), max_length=10, choices=comparison.Operator, default=comparison.Operator.EQUALS
    )
    value = models.CharField(_("value"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("event happened n times")
        verbose_name_plural = _("events happened n times")

    def clean(self) -> None:
        super().clean()
        if self.path:
            if not all(self.path.split(".")):
                raise ValidationError({"path": _("Write names with a point between them, such as lines.brand.")})
            comparison.check(self.operator, self.value, "value")

    def _says(self, facts: Facts) -> str:
        return f" AND {says(facts, self.path, self.operator, self.value)}" if self.path else ""

    def term(self, facts: Facts) -> Term:
        events = facts.relation(
            f"SELECT e.client_id, count(*) AS n FROM loyalty_event e"
            f" WHERE e.name = {facts.value(self.event_name)} AND {self.inside(facts, 'e.occurred_at')}"
            f" AND {facts.among('e.client_id')}{self._says(facts)} GROUP BY e.client_id"
        )
        return Term(self.often_enough(facts, f"{events}.n"), {"count": f"{events}.n"})

    def sentence(self) -> str:
        event = f"«{event_label(self.event_name)}»"
        if self.path:
            event = f"{event} ({comparison.sentence(self.path, self.operator, self.value)})"
        return f"{event} {self.how_often()}"

    def seen(self, saw: Mapping[str, Any]) -> str:
        return happened(saw["count"])

    def changing(self, span: Span) -> tuple[str, ...]:
        return (
            f"SELECT e.client_id FROM loyalty_event e"
            f" WHERE e.name = {span.value(self.event_name)} AND {self.edges(span, 'e.occurred_at')}",
        )
