"""A message of a chain: after its delay, with its own bonuses and buttons (semantics §28)."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.local_time import moment
from loyalty.services import programme, zones
from scenarios.durations import Unit, in_words, length
from scenarios.steps import amounts
from scenarios.steps.lot_terms import LotTerms
from scenarios.steps.outcomes import Batch, Outcome, Remember, RunView
from scenarios.steps.send_message import SendMessage

# The bonuses are there before the text is written, so that it may speak of them: the run rests for this long between.
BREATH = timedelta(milliseconds=1)
MAX_DELAY = timedelta(days=3650)


class ChainMessage(SendMessage, LotTerms):
    """Waits, accrues, and then says what there is to say; what cannot be said takes no bonuses back.

    Minutes and hours are absolute; days at a time of day go by the calendar of the client's zone (semantics §10).
    """

    icon = "forward_to_inbox"
    # A step of chains alone.
    of_chains = True
    provides_first = True

    delay = models.PositiveIntegerField(_("after"), default=0, help_text=_("After the message before; 0: at once."))
    delay_unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.DAYS)
    delay_at = models.TimeField(
        _("at"), null=True, blank=True, help_text=_("Of days: the time of day in the client's own time zone.")
    )
    bonuses = models.DecimalField(
        _("bonuses"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal("1000000000"))],
        help_text=_("Accrued right before the message; empty: none."),
    )

    @property
    def provides(self) -> Collection[str]:  # type: ignore[override]  # what it gives depends on the row
        return ("accrued",) if self.bonuses is not None else ()

    class Meta:
        verbose_name = _("message of the chain")
        verbose_name_plural = _("messages of chains")

    def clean(self) -> None:
        wrong: dict[str, object] = {}
        try:
            super().clean()
        except ValidationError as error:
            wrong |= error.message_dict
        if length(1, self.delay_unit) * (self.delay or 0) > MAX_DELAY:
            wrong["delay"] = t("Ten years at most.")
        if self.delay_at is not None and self.delay_unit != Unit.DAYS:
            wrong["delay_at"] = t("A time of day goes with days.")
        if self.bonuses is not None:
            if not amounts.fits(self.bonuses, programme.current()):
                wrong["bonuses"] = t("Bonuses of this programme have no fractions.")
            wrong |= self.wrong_terms()
        if wrong:
            raise ValidationError(wrong)

    def sentence(self) -> str:
        parts = [self._when(), super().sentence()]
        if self.bonuses is not None:
            parts.append(self.lasting(t("accrue %(bonuses)s") % {"bonuses": amounts.in_words(self.bonuses)}))
        return " · ".join(filter(None, parts))

    def _when(self) -> str:
        words = {"time": in_words(self.delay, self.delay_unit)}
        if self.delay_at:
            words["clock"] = f"{self.delay_at:%H:%M}"
            return t("After %(time)s, at %(clock)s") % words if self.delay else t("At %(clock)s") % words
        return t("After %(time)s") % words if self.delay else t("At once")

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        speaking: list[RunView] = []
        for run in batch.runs:
            if self._accrued(run):
                speaking.append(run)
            elif (until := self._until(run, batch, now)) > now:
                outcomes[run.id] = Outcome(until=until)
            elif self.bonuses is not None and not run.holdout:
                outcomes[run.id] = self._accrual(run, now)
            else:
                speaking.append(run)
        outcomes |= self._said(batch, speaking, now)
        return [outcomes[run.id] for run in batch.runs]

    def _said(self, batch: Batch, runs: Sequence[RunView], now: datetime) -> dict[int, Outcome]:
        said = super().decide(batch.of(runs), now) if runs else []
        return {run.id: outcome for run, outcome in zip(runs, said, strict=True)}

    def _until(self, run: RunView, batch: Batch, now: datetime) -> datetime:
        """When the delay of this visit is over: counted once, as the run comes to stand here."""
        if run.waiting and run.waiting_until is not None:
            return run.waiting_until
        since = run.waiting_since or now
        if self.delay_at is None:
            return since + length(self.delay, self.delay_unit)
        where = zones.named(batch.clients[run.client_id].zone)
        day = since.astimezone(where).date() + timedelta(days=self.delay)
        return moment(day, self.delay_at, where)

    def _accrued(self, run: RunView) -> bool:
        return run.context.get("accrued", {}).get("key") == run.key()

    def _accrual(self, run: RunView, now: datetime) -> Outcome:
        lot = self.lot(amounts.minor(self.bonuses or Decimal(0), programme.current()), now)
        told = {"key": run.key(), "amount": amounts.plain(self.bonuses or Decimal(0))}
        # Looked at again at once, by the next batch: the ledger has it then.
        return Outcome(effects=(lot, Remember("accrued", told)), until=now + BREATH, again=now)
