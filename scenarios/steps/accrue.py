"""Accruing bonuses."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.services import order_basis, programme
from messaging.services import render
from scenarios.steps import amounts
from scenarios.steps.base import Step
from scenarios.steps.lot_terms import LotTerms
from scenarios.steps.outcomes import Batch, Outcome
from scenarios.steps.wording import Wording


class AccrueBonuses(Step, LotTerms):
    """Accrues bonuses; the lot burns `lifetime_days` after its activation (semantics §32, mechanics A8).

    Of the burning the client is told in the step's own words, beforehand and when it happens (semantics §38);
    `engine/notices.py` says them.
    """

    class By(models.TextChoices):
        FIXED = "fixed", _("a fixed number")
        PERCENT = "percent", _("a percent of the order")
        FORMULA = "formula", _("from a variable")

    icon = "redeem"

    by = models.CharField(_("how many"), max_length=10, choices=By, default=By.FIXED)
    amount = models.DecimalField(
        _("bonuses"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
    )
    percent = models.DecimalField(
        _("percent"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(100)],
        help_text=_(
            "Of what was paid in money for the order that started the scenario; 1 bonus for 1 of the currency."
            " What comes back of the order takes its share back."
        ),
    )
    formula = models.CharField(
        _("formula"),
        max_length=300,
        blank=True,
        help_text=_("A variable, with arithmetic where needed: {{ entry.points | times: 2 }}"),
    )

    class Meta:
        verbose_name = _("accrue bonuses")
        verbose_name_plural = _("accruals of bonuses")

    def clean(self) -> None:
        wrong: dict[str, object] = {}
        if self.by == self.By.FIXED and self.amount is None:
            wrong["amount"] = _("How many bonuses?")
        elif self.by == self.By.FIXED and not amounts.fits(self.amount, programme.current()):
            wrong["amount"] = _("Bonuses of this programme have no fractions.")
        if self.by == self.By.PERCENT and self.percent is None:
            wrong["percent"] = _("What percent?")
        if self.by == self.By.FORMULA and not self.formula.strip():
            wrong["formula"] = _("Which variable?")
        try:
            render.check(self.formula)
        except render.TemplateError as error:
            wrong["formula"] = str(error)
        wrong |= self.wrong_terms()
        if wrong:
            raise ValidationError(wrong)

    def sentence(self) -> str:
        match self.by:
            case self.By.PERCENT:
                accrue = t("Accrue %(percent)s%% of the order") % {"percent": amounts.plain(self.percent or Decimal(0))}
            case self.By.FORMULA:
                accrue = t("Accrue bonuses: %(formula)s") % {"formula": self.formula}
            case _:
                accrue = t("Accrue %(bonuses)s") % {"bonuses": amounts.in_words(self.amount or Decimal(0))}
        return self.lasting(accrue)

    def templates(self) -> Collection[str]:
        return (self.formula,)

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}

        def outcome(amount: int) -> Outcome:
            if amount not in outcomes:
                outcomes[amount] = (
                    Outcome(effects=(self.lot(amount, now),)) if amount else Outcome(reason="nothing_to_accrue")
                )
            return outcomes[amount]

        match self.by:
            case self.By.PERCENT:
                found = self._percents(batch, now)
            case self.By.FORMULA:
                found = self._formulas(batch, now)
            case _:
                return [outcome(amounts.minor(self.amount or Decimal(0), programme.current()))] * len(batch.runs)
        return [outcome(each) if isinstance(each, int) else each for each in (found[run.id] for run in batch.runs)]

    def _percents(self, batch: Batch, now: datetime) -> Mapping[int, int | Outcome]:
        """By run, the accrual that follows its order, or why there is none."""
        settings, percent = programme.current(), self.percent or Decimal(0)
        zero = Outcome(reason="nothing_to_accrue")
        events = {run.id: int(run.context["event"]) for run in batch.runs if "event" in run.context}
        bases = order_basis.of_events(set(events.values()))
        found: dict[int, int | Outcome] = {}
        for run in batch.runs:
            basis = bases.get(events.get(run.id, 0))
            if basis is None:
                found[run.id] = Outcome(reason="no_order")
            elif basis.foreign:
                found[run.id] = Outcome(reason="other_currency")
            else:
                amount = amounts.minor(basis.amount * percent / 100, settings)
                lot = replace(self.lot(amount, now), order_id=basis.order_id, percent=percent)
                found[run.id] = Outcome(effects=(lot,)) if amount else zero
        return found

    def _formulas(self, batch: Batch, now: datetime) -> Mapping[int, int | Outcome]:
        settings, text = programme.current(), render.compiled(self.formula)
        words = Wording(text.names, batch.runs, batch, now)
        found: dict[int, int | Outcome] = {}
        for run in batch.runs:
            try:
                found[run.id] = amounts.read(text.render(words.of(run), words.manner(run)), settings)
            except (render.RenderError, amounts.NotAnAmount) as error:
                found[run.id] = Outcome(reason="no_amount", detail=str(error)[:500])
        return found
