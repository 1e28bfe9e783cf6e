"""What a client is by RFM."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term
from segments.rfm import GROUPS, SCORES, Cell, RfmBand, RfmGroup, cells, groups_of

# A snapshot is seen when its transaction ends: who asks between is answered again so long after.
_LATER = (timedelta(0), timedelta(minutes=1), timedelta(minutes=10))
_WORST, _BEST = SCORES[0], SCORES[-1]


def _score(label: Any, default: int) -> Any:
    return models.PositiveSmallIntegerField(
        label, default=default, validators=[MinValueValidator(_WORST), MaxValueValidator(_BEST)]
    )


class RfmCondition(Condition):
    """The client's RFM group, band or scores by the newest snapshot (semantics §46); both ends of a range count.

    Who has bought nothing in the snapshot's window has no score: then only `NONE` holds.
    """

    menu_group = MenuGroup.PURCHASES

    class What(models.TextChoices):
        GROUPS = "groups", _("is in one of the groups")
        BANDS = "bands", _("is in one of the bands")
        SCORES = "scores", _("has scores from … to …")
        NONE = "none", _("has no score: bought nothing")

    what = models.CharField(_("the client"), max_length=10, choices=What, default=What.GROUPS)
    groups = models.JSONField(_("groups"), default=list, blank=True)
    bands = models.JSONField(_("bands"), default=list, blank=True)
    r_from = _score(_("recency from"), _WORST)
    r_to = _score(_("recency to"), _BEST)
    f_from = _score(_("frequency from"), _WORST)
    f_to = _score(_("frequency to"), _BEST)
    m_from = _score(_("money from"), _WORST)
    m_to = _score(_("money to"), _BEST)

    class Meta:
        verbose_name = _("RFM group or scores")
        verbose_name_plural = _("RFM groups or scores")

    def clean(self) -> None:
        wrong: dict[str, str] = {}
        for name, choices in (("groups", RfmGroup.values), ("bands", RfmBand.values)):
            chosen = getattr(self, name)
            if not isinstance(chosen, list) or not set(map(str, chosen)) <= set(choices):
                wrong[name] = t("Choose from: %(choices)s.") % {"choices": ", ".join(choices)}
            elif not chosen and self.what == name:
                wrong[name] = t("Choose at least one.")
        for name, (low, high) in self._ranges().items():
            if isinstance(low, int) and isinstance(high, int) and low > high:
                wrong[f"{name}_to"] = t("Must not be less than the beginning.")
        if wrong:
            raise ValidationError(wrong)

    def term(self, facts: Facts) -> Term:
        scores = facts.relation(
            f"SELECT client_id, r, f, m FROM segments_rfmscore WHERE {facts.among('client_id')}", cheap=True
        )
        saw = {name: f"{scores}.{name}" for name in "rfm"}
        if self.what == self.What.NONE:
            return Term(f"{scores}.client_id IS NULL", saw)
        if self.what == self.What.SCORES:
            within = (
                f"{scores}.{name} BETWEEN {facts.value(low)} AND {facts.value(high)}"
                for name, (low, high) in self._ranges().items()
            )
            return Term(" AND ".join(within), saw)
        wanted = ", ".join(f"({r}, {f})" for r, f in self._cells())
        return Term(f"({scores}.r, {scores}.f) IN ({wanted})" if wanted else "FALSE", saw)

    def sentence(self) -> str:
        if self.what == self.What.NONE:
            return t("has no RFM score")
        if self.what == self.What.SCORES:
            return t("RFM scores: %(scores)s") % {"scores": self._scores_said() or t("any")}
        if self.what == self.What.BANDS:
            return t("in the RFM band %(bands)s") % {"bands": _said(RfmBand, self.bands)}
        return t("in the RFM group %(groups)s") % {"groups": _said(RfmGroup, self.groups)}

    def seen(self, saw: Mapping[str, Any]) -> str:
        r, f, m = (saw[name] for name in "rfm")
        if r is None:
            return t("has no RFM score")
        return t("%(group)s: recency %(r)s, frequency %(f)s, money %(m)s") % {
            "group": GROUPS[r, f].label,
            "r": r,
            "f": f,
            "m": m,
        }

    def changing(self, span: Span) -> tuple[str, ...]:
        taken = f"SELECT FROM segments_rfmsnapshot WHERE {span.crossed('computed_at', *_LATER)}"
        return (f"SELECT id AS client_id FROM loyalty_client WHERE EXISTS ({taken})",)

    def _ranges(self) -> dict[str, tuple[int, int]]:
        return {"r": (self.r_from, self.r_to), "f": (self.f_from, self.f_to), "m": (self.m_from, self.m_to)}

    def _cells(self) -> list[Cell]:
        if self.what == self.What.BANDS:
            return cells(group for band in self.bands for group in groups_of(band))
        return cells(self.groups)

    def _scores_said(self) -> str:
        labels = {"r": t("recency"), "f": t("frequency"), "m": t("money")}
        return ", ".join(
            f"{labels[name]} {low}" if low == high else f"{labels[name]} {low}–{high}"
            for name, (low, high) in self._ranges().items()
            if (low, high) != (_WORST, _BEST)
        )


def _said(choices: type[models.TextChoices], chosen: Iterable[str]) -> str:
    named = [str(choice.label) for choice in choices if choice.value in set(chosen)]
    return t(" or ").join(f"«{name}»" for name in named)
