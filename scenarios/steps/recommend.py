"""Recommending products."""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.models import Recommendation
from loyalty.services.recommendations import cards, of_events, recommend
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, Remember


class RecommendProducts(Step):
    """Chooses goods for each client: `{% for product in products %}` in the texts below (mechanics RECO).

    It starts from what the event that started the scenario names, where it names goods, else from what the
    client did. Nothing found is an empty list, and a line in the log.
    """

    icon = "recommend"
    provides = ("products",)

    kind = models.CharField(_("which products"), max_length=20, choices=Recommendation, default=Recommendation.POPULAR)
    number = models.PositiveSmallIntegerField(
        _("how many"), default=3, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )

    class Meta:
        verbose_name = _("recommend products")
        verbose_name_plural = _("recommendations of products")

    def sentence(self) -> str:
        number = ngettext("Choose %(n)d product", "Choose %(n)d products", self.number) % {"n": self.number}
        return t("%(number)s: %(kind)s") % {"number": number, "kind": self.get_kind_display()}  # type: ignore[attr-defined]

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        events = {run.client_id: int(run.context["event"]) for run in batch.runs if "event" in run.context}
        named = of_events(events.values())
        about = {client: named[event] for client, event in events.items() if event in named}
        found = recommend([run.client_id for run in batch.runs], Recommendation(self.kind), self.number, now, about)
        shown = cards({pick.product for picks in found.values() for pick in picks}, now)
        outcomes = []
        for run in batch.runs:
            goods = [shown[pick.product] for pick in found.get(run.client_id, ()) if pick.product in shown]
            reason = "" if goods else "nothing_to_recommend"
            outcomes.append(Outcome(effects=(Remember("products", goods),), reason=reason))
        return outcomes
