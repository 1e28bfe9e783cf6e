"""The level that a client stands on."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term


class LevelCondition(Condition):
    """The client stands on a level, or on it or a higher (a lower) one.

    Who was never measured stands on the level that begins at 0, if there is one. Who stands on none is below all.
    """

    menu_group = MenuGroup.BONUSES

    class Bound(models.TextChoices):
        IS = "is", pgettext_lazy("level", "is")
        AT_LEAST = "at_least", _("is or is above")
        AT_MOST = "at_most", _("is or is below")

    bound = models.CharField(_("comparison"), max_length=10, choices=Bound, default=Bound.IS)
    level = models.ForeignKey("loyalty.Level", models.PROTECT, related_name="+", verbose_name=_("level"))

    class Meta:
        verbose_name = _("level")
        verbose_name_plural = _("levels")

    def term(self, facts: Facts) -> Term:
        standing = facts.relation(
            "SELECT s.client_id, coalesce(l.threshold, -1) AS threshold, coalesce(l.name, '') AS name"
            " FROM loyalty_clientlevel s LEFT JOIN loyalty_level l ON l.id = s.level_id"
            f" WHERE {facts.among('s.client_id')}",
            cheap=True,
        )
        first = "SELECT {} FROM loyalty_level WHERE threshold = 0"
        threshold = f"coalesce({standing}.threshold, ({first.format('threshold')}), -1)"
        sign = {self.Bound.IS: "=", self.Bound.AT_LEAST: ">=", self.Bound.AT_MOST: "<="}[self.Bound(self.bound)]
        asked = f"(SELECT threshold FROM loyalty_level WHERE id = {facts.value(self.level_id)})"
        return Term(f"{threshold} {sign} {asked}", {"name": f"coalesce({standing}.name, ({first.format('name')}), '')"})

    def sentence(self) -> str:
        patterns = {
            self.Bound.IS: t("level is «%(level)s»"),
            self.Bound.AT_LEAST: t("level is «%(level)s» or higher"),
            self.Bound.AT_MOST: t("level is «%(level)s» or lower"),
        }
        return patterns[self.Bound(self.bound)] % {"level": self.level.name}

    def seen(self, saw: Mapping[str, Any]) -> str:
        return t("is on «%(level)s»") % {"level": saw["name"]} if saw["name"] else t("is on no level")

    def changing(self, span: Span) -> tuple[str, ...]:
        # A period that ended moves nobody until the levels are counted, and that is an event.
        return ()
