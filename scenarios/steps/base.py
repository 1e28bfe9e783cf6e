"""What every step is."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from polymorphic.models import PolymorphicModel

from scenarios.keys import new_key
from scenarios.steps.outcomes import Batch, Outcome


class Step(PolymorphicModel):
    """One step of a scenario's draft. Published, the same class is rebuilt, unsaved, from the release.

    A type gives its columns, `sentence` (what its card says), `decide`, and the class attributes that
    the editor shows. It knows nothing of forms, RQ, transactions or the clock.
    """

    # The symbol on the step's card (Material Symbols, bundled with the admin theme).
    icon = "circle"
    # Whether the step splits the way into branches, and whether conditions of theirs decide.
    forks = False
    decided_by_conditions = False
    # Whether only chains have it.
    of_chains = False
    # Variables that the texts below may say, once the step is done.
    provides: Collection[str] = ()
    # Whether it is done before the step's own texts are written, so that they may say it too.
    provides_first = False
    # Whether the marketer adds and deletes its branches; otherwise they are those that it began with, for good.
    open_ended = False
    # Whether it changes rows of the client that another scenario may be changing at the same time, in another order.
    locks_clients = False

    branch = models.ForeignKey("scenarios.Branch", models.CASCADE, related_name="steps", verbose_name=_("branch"))
    key = models.CharField(max_length=32, default=new_key, editable=False)
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return str(self.sentence())

    def sentence(self) -> str:
        """The step in the current language, as its card says it."""
        raise TypeError(f"{type(self).__name__} defines no sentence")

    def templates(self) -> Collection[str]:
        """The Liquid texts of the step: what they read has to be known when it is their turn."""
        return ()

    def problems(self) -> list[str]:
        """What forbids publishing this step, in the current language."""
        try:
            self.full_clean(exclude=["branch", "polymorphic_ctype"])
        except ValidationError as error:
            return error.messages
        return []

    def awaits(self) -> Collection[str]:
        """Names of events that wake a run which sleeps on this step (semantics §11)."""
        return ()

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        """One outcome per run of the batch, in order, at `now` (UTC). Called again when a run wakes."""
        raise TypeError(f"{type(self).__name__} decides nothing")
