"""ALL / ANY / NONE of other conditions; groups nest."""

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions.base import Condition, negated


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

    def predicate(self, now: datetime) -> Q:
        members = [member.predicate(now) for member in self.members()]
        if not members:
            return Q(Value(True))
        joined = members[0]
        for other in members[1:]:
            joined = joined & other if self.mode == self.Mode.ALL else joined | other
        return negated(joined) if self.mode == self.Mode.NONE else joined

    def sentence(self) -> str:
        parts = [str(member.sentence()) for member in self.members()]
        if not parts:
            return t("everybody")
        if self.mode == self.Mode.ALL:
            return t(" and ").join(parts)
        if self.mode == self.Mode.ANY:
            return t(" or ").join(parts)
        return t("none of: %(conditions)s") % {"conditions": "; ".join(parts)}

    def seen(self, client_id: int, now: datetime) -> str:
        return "; ".join(f"{member.sentence()}: {member.seen(client_id, now)}" for member in self.members())
