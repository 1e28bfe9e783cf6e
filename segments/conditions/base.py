"""What every condition is."""

from datetime import datetime

from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _
from polymorphic.models import PolymorphicModel


def negated(held: Q) -> Q:
    """NOT, where a comparison with what is not there (NULL) counts as not held: SQL's own NOT would drop it."""
    definite = Coalesce(ExpressionWrapper(held, output_field=BooleanField()), Value(False))
    return Q(Exact(definite, Value(False)))


class Condition(PolymorphicModel):
    """One condition on a client. The same rows serve segments and a scenario's If and filters.

    A type gives `predicate` (SQL for any number of clients), `sentence` (how it reads to a marketer)
    and `seen` (the value it looked at for one client, for "why / why not").
    """

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

    def predicate(self, now: datetime) -> Q:
        """The condition over `Client` at `now` (UTC), to be used in a filter."""
        raise TypeError(f"{type(self).__name__} defines no predicate")

    def sentence(self) -> str:
        """The condition in the current language, as a marketer would say it."""
        raise TypeError(f"{type(self).__name__} defines no sentence")

    def seen(self, client_id: int, now: datetime) -> str:
        """The value that the condition looks at for this client, in words."""
        raise TypeError(f"{type(self).__name__} defines no seen value")
