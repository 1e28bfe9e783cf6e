"""Setting a custom attribute of the client."""

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from messaging.models import Reason
from messaging.services import render
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, SetAttribute
from scenarios.steps.wording import Wording


class SetClientAttribute(Step):
    """Sets, adds to, or clears a custom attribute. The value is a text with variables, read as its kind (§25).

    Texts and conditions below see the new value. A value that cannot be read as its kind changes nothing, and the
    log says so.
    """

    icon = "edit_note"
    locks_clients = True

    class Action(models.TextChoices):
        SET = "set", _("set it to")
        ADD = "add", _("add to the number in it")
        CLEAR = "clear", _("clear it")

    class Kind(models.TextChoices):
        TEXT = "text", _("a text")
        NUMBER = "number", _("a number")
        DATE = "date", _("a date")
        YES_NO = "yes_no", _("yes or no")

    attribute = models.CharField(
        _("attribute"),
        max_length=100,
        validators=[RegexValidator(r"^\w[\w -]*$", _("Letters, digits, spaces, - and _ only."))],
    )
    action = models.CharField(_("what to do"), max_length=5, choices=Action, default=Action.SET)
    kind = models.CharField(_("what it is"), max_length=6, choices=Kind, default=Kind.TEXT)
    value = models.CharField(
        _("value"),
        max_length=500,
        blank=True,
        help_text=_("As it is, or from variables: {{ client.attributes.visits | default: 0 | plus: 1 }}."),
    )

    class Meta:
        verbose_name = _("set attribute")
        verbose_name_plural = _("settings of attributes")

    def clean(self) -> None:
        if self.action == self.Action.CLEAR:
            return
        if not self.value:
            raise ValidationError({"value": t("Give a value.")})
        try:
            render.check(self.value)
        except render.TemplateError as error:
            raise ValidationError({"value": str(error)}) from None
        plain = not render.compiled(self.value).names and "{%" not in self.value
        if plain and read(self.value, self._kind()) is None:
            raise ValidationError({"value": t("This is not %(kind)s.") % {"kind": self.Kind(self._kind()).label}})

    def _kind(self) -> str:
        return self.Kind.NUMBER if self.action == self.Action.ADD else self.kind

    def templates(self) -> Collection[str]:
        return () if self.action == self.Action.CLEAR else (self.value,)

    def sentence(self) -> str:
        words = {"attribute": self.attribute, "value": self.value[:80]}
        match self.action:
            case self.Action.ADD:
                return t("Add %(value)s to «%(attribute)s»") % words
            case self.Action.CLEAR:
                return t("Clear «%(attribute)s»") % words
            case _:
                return t("Set «%(attribute)s» to «%(value)s»") % words

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        if self.action == self.Action.CLEAR:
            return [Outcome(effects=(SetAttribute(self.attribute, None),))] * len(batch.runs)
        text = render.compiled(self.value)
        words = Wording(text.names, batch.runs, batch, now)
        outcomes = []
        for run in batch.runs:
            try:
                said = text.render(words.of(run), words.manner(run)).strip()
            except render.RenderError as error:
                outcomes.append(Outcome(reason=Reason.RENDER_FAILED, detail=str(error)[:500]))
                continue
            value = read(said, self._kind())
            if value is None:
                outcomes.append(Outcome(reason="bad_value", detail=said[:500]))
            else:
                adds = self.action == self.Action.ADD
                outcomes.append(Outcome(effects=(SetAttribute(self.attribute, value, adds),), detail=said[:500]))
        return outcomes


_YES, _NO = {"true", "yes", "1", "да"}, {"false", "no", "0", "нет"}


def read(said: str, kind: str) -> Any:
    """A rendered text as a value of its kind, as JSON knows values; None where it is none."""
    match kind:
        case SetClientAttribute.Kind.NUMBER:
            try:
                number = Decimal(said.replace(",", "."))
            except InvalidOperation:
                return None
            if not number.is_finite() or abs(number) >= 10**15:
                return None
            return int(number) if number == number.to_integral_value() else float(number)
        case SetClientAttribute.Kind.DATE:
            try:
                return date.fromisoformat(said[:10]).isoformat()
            except ValueError:
                return None
        case SetClientAttribute.Kind.YES_NO:
            word = said.casefold()
            return True if word in _YES else False if word in _NO else None
        case _:
            return said or None
