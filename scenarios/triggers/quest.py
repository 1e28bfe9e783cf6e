"""A quest that is close to its reward (T36)."""

from collections.abc import Collection
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from scenarios.triggers.base import Entry, EventView, Trigger


class QuestTrigger(Trigger):
    """Starts when so little of a quest is left, in steps (or money) or in percent; once a quest: `quest:tea`."""

    icon = "flag"

    quest = models.CharField(_("quest"), max_length=50, blank=True, help_text=_("Its code. Empty: any."))
    left = models.DecimalField(
        _("left at most"), max_digits=12, decimal_places=2, null=True, blank=True, help_text=_("Purchases or money.")
    )
    left_percent = models.PositiveSmallIntegerField(
        _("or left at most, %"), null=True, blank=True, default=20, validators=[MaxValueValidator(100)]
    )

    class Meta:
        verbose_name = _("quest close to its reward")
        verbose_name_plural = _("quests close to their reward")

    def clean(self) -> None:
        if self.left is None and self.left_percent is None:
            raise ValidationError({"left": _("Say how much may be left.")})

    def sentence(self) -> str:
        amounts = [f"{Decimal(self.left).normalize():f}"] if self.left is not None else []
        amounts += [f"{self.left_percent} %"] if self.left_percent is not None else []
        words = {"quest": self.quest, "left": t(" or ").join(amounts)}
        if self.quest:
            return t("When no more than %(left)s is left of quest «%(quest)s»") % words
        return t("When no more than %(left)s is left of a quest") % words

    def listens_to(self) -> Collection[str]:
        return ("quest.progress",)

    def entry(self, event: EventView) -> Entry | None:
        quest, left, percent = (event.payload.get(name) for name in ("quest", "left", "left_percent"))
        if self.quest and quest != self.quest:
            return None
        if _at_most(left, self.left) or _at_most(percent, self.left_percent):
            return Entry(event, f"quest:{quest}"[:250])
        return None


def _at_most(said: object, bound: Decimal | int | None) -> bool:
    try:
        return bound is not None and Decimal(str(said)) <= bound
    except InvalidOperation:
        return False
