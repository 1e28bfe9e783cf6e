"""A/B/n split."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import md5

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.steps.forking import Forking, NewWay, Way
from scenarios.steps.outcomes import Batch, Outcome

_PLACES = 2**32


class Split(Forking):
    """Sends each client by a stable draw into one of the branches, by their shares (semantics §13).

    The same client comes into the same branch whenever it passes, until a winner is chosen: by staff, or where
    `pick` says so by `services/split_results.py`. From then on everybody goes the winner's way.
    """

    icon = "call_split"
    ways_have_weights = True

    label = models.CharField(_("what is compared"), max_length=200, blank=True)
    pick = models.BooleanField(
        _("send the rest to the winner"),
        default=False,
        help_text=_("Once one branch brings more clients to the scenario's goal than every other one, for certain."),
    )
    confidence = models.DecimalField(
        _("certain means, %"),
        max_digits=4,
        decimal_places=1,
        default=95,
        validators=[MinValueValidator(80), MaxValueValidator(99)],
    )
    least = models.PositiveIntegerField(
        _("clients in each branch at least"), default=500, validators=[MinValueValidator(30)]
    )

    class Meta:
        verbose_name = _("A/B split")
        verbose_name_plural = _("A/B splits")

    @classmethod
    def new_ways(cls) -> Sequence[NewWay]:
        return (NewWay("A"), NewWay("B"))

    def sentence(self) -> str:
        return t("Split: %(label)s") % {"label": self.label} if self.label else t("Split the clients")

    def way_title(self, way: Way, condition: str) -> str:
        whole = sum(other.weight for other in self.ways()) or 1
        return f"{way.label or t('Branch')} · {way.weight / whole:.0%}"

    def way_problems(self, ways: Sequence[Way]) -> list[str]:
        if sum(way.weight > 0 for way in ways) < 2:
            return [t("a split needs two branches with a share.")]
        return []

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        ways = self.ways()
        winner = self._winner(batch.runs[0].scenario_id, ways)
        if winner:
            return [Outcome(branch=winner, reason="winner")] * len(batch.runs)
        return [Outcome(branch=draw(self.key, run.client_id, ways)) for run in batch.runs]

    def _winner(self, scenario_id: int, ways: Sequence[Way]) -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT branch FROM scenarios_splitwinner
                   WHERE scenario_id = %s AND step_key = %s AND branch = ANY(%s)""",
                [scenario_id, self.key, [way.key for way in ways]],
            )
            found = cursor.fetchone()
        return found[0] if found else ""


def draw(step_key: str, client_id: int, ways: Sequence[Way]) -> str:
    """The key of the branch that the client draws at a step: always the same while the shares stay."""
    digest = md5(f"{step_key}:{client_id}".encode(), usedforsecurity=False).hexdigest()
    place = int(digest[:8], 16) * sum(way.weight for way in ways)
    passed = 0
    for way in ways:
        passed += way.weight * _PLACES
        if place < passed:
            return way.key
    return ways[-1].key
