"""What every condition is."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from polymorphic.models import PolymorphicModel

from segments.facts import Facts, Span, Term


class MenuGroup(models.TextChoices):
    """Where a type of condition stands in the menu, in order."""

    CLIENT = "client", _("Client")
    PURCHASES = "purchases", _("Purchases")
    BONUSES = "bonuses", _("Bonuses and promo codes")
    BEHAVIOUR = "behaviour", _("Behaviour")
    SEGMENTS = "segments", _("Segments")
    TIME = "time", _("Time")


class Condition(PolymorphicModel):
    """One condition on a client. The same rows serve segments and a scenario's If and filters.

    A type gives `term` (SQL for any number of clients), `sentence` (how it reads to a marketer), `seen` (the value it
    looked at for one client, for "why / why not") and `changing` (whose answer the passing of time alone may change).
    """

    menu_group: MenuGroup = MenuGroup.CLIENT

    parent = models.ForeignKey(
        "segments.Group", models.CASCADE, null=True, blank=True, related_name="children", verbose_name=_("group")
    )
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return str(self.sentence())

    def term(self, facts: Facts) -> Term:
        """What is asked of a client at `facts.now`, as SQL over facts; what it looks at is joined by `facts`."""
        raise TypeError(f"{type(self).__name__} defines no term")

    def sentence(self) -> str:
        """The condition in the current language, as a marketer would say it."""
        raise TypeError(f"{type(self).__name__} defines no sentence")

    def seen(self, saw: Mapping[str, Any]) -> str:
        """What the condition saw of one client, in words; `saw` holds the values of the term's `saw`."""
        raise TypeError(f"{type(self).__name__} defines no seen value")

    def changing(self, span: Span) -> tuple[str, ...] | None:
        """SELECTs of the ids of clients whose answer may differ from `span.then` to `span.now` with the same facts.

        Too many is allowed, too few is not. None: anyone. Empty: nobody, the condition does not look at the clock.
        """
        return None
