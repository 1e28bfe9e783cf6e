"""Near a store."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.services import distance
from segments.conditions.amounts import Windowed, plain
from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term


class NearStoreCondition(Windowed, Condition):
    """The client was at most so many kilometres (great circle) from a store when seen last, within the window.

    Without a store: from any that is open for business. Who was never seen is near none.
    """

    store = models.ForeignKey(
        "loyalty.Store",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("store"),
        help_text=_("Empty: any store that is open for business."),
    )
    kilometres = models.DecimalField(
        _("kilometres, at most"),
        max_digits=8,
        decimal_places=3,
        default=2,
        validators=[MinValueValidator(0), MaxValueValidator(20_040)],
    )

    class Meta:
        verbose_name = _("near a store")
        verbose_name_plural = _("near a store")

    def term(self, facts: Facts) -> Term:
        which = "s.active" if self.store_id is None else f"s.id = {facts.value(self.store_id)}"
        places = ("l.latitude", "l.longitude", "s.latitude", "s.longitude")
        radius = f"{facts.value(float(self.kilometres) * 1000)}::float8"
        near = facts.relation(
            f"""SELECT l.client_id, min({distance.metres(*places)}) AS metres
                FROM loyalty_clientlocation l JOIN loyalty_store s
                  ON {which} AND {distance.within(*places, radius)}
                WHERE {self.inside(facts, "l.located_at")} AND {facts.among("l.client_id")}
                GROUP BY l.client_id""",
            cheap=True,
        )
        return Term(f"{near}.client_id IS NOT NULL", {"metres": f"{near}.metres"})

    def sentence(self) -> str:
        km = plain(self.kilometres)
        if self.store is None:
            said = t("at most %(km)s km from a store") % {"km": km}
        else:
            said = t("at most %(km)s km from the store «%(store)s»") % {"km": km, "store": self.store.name}
        return self.within(said)

    def seen(self, saw: Mapping[str, Any]) -> str:
        if saw["metres"] is None:
            return t("farther away, or not seen")
        return t("%(km)s km away") % {"km": plain(round(Decimal(saw["metres"]) / 1000, 2))}

    def changing(self, span: Span) -> tuple[str, ...]:
        return (f"SELECT client_id FROM loyalty_clientlocation WHERE {self.edges(span, 'located_at')}",)
