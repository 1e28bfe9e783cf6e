"""ALL / ANY / NONE of other conditions; groups nest."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term


class Group(Condition):
    """A group of conditions. An empty group holds for everybody, whatever its mode."""

    class Mode(models.TextChoices):
        ALL = "all", _("all of them hold")
        ANY = "any", _("at least one holds")
        NONE = "none", _("none of them holds")

    # Conditions rebuilt from a release, in place of rows.
    attached_members: list[Condition] | None = None

    mode = models.CharField(_("the group holds when"), max_length=4, choices=Mode, default=Mode.ALL)

    class Meta:
        verbose_name = _("group of conditions")
        verbose_name_plural = _("groups of conditions")

    def members(self) -> Iterable[Condition]:
        """The conditions in order: of the rows, or those attached when a release was loaded."""
        return self.children.all() if self.attached_members is None else self.attached_members

    def term(self, facts: Facts) -> Term:
        parts = tuple(facts.ask(member) for member in self.members())
        if not parts:
            return Term("TRUE")
        joined = (" AND " if self.mode == self.Mode.ALL else " OR ").join(part.holds for part in parts)
        return Term(f"NOT ({joined})" if self.mode == self.Mode.NONE else joined, parts=parts)

    def sentence(self) -> str:
        parts = [self._within(member) for member in self.members()]
        if not parts:
            return t("everybody")
        if self.mode == self.Mode.ALL:
            return t(" and ").join(parts)
        if self.mode == self.Mode.ANY:
            return t(" or ").join(parts)
        return t("none of: %(conditions)s") % {"conditions": "; ".join(parts)}

    def _within(self, member: Condition) -> str:
        """A member's sentence; a group's in brackets where "and" and "or" would else be read wrongly."""
        sentence = str(member.sentence())
        return f"({sentence})" if isinstance(member, Group) and len(list(member.members())) > 1 else sentence

    def seen(self, saw: Mapping[str, Any]) -> str:
        return ""

    def changing(self, span: Span) -> tuple[str, ...] | None:
        found: list[str] = []
        for member in self.members():
            selects = member.changing(span)
            if selects is None:
                return None
            found.extend(selects)
        return tuple(dict.fromkeys(found))
