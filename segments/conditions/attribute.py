"""A field of the client or one of its custom attributes."""

import sys
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from loyalty.models import Client
from segments.conditions.base import Condition, negated

FIELDS = ("first_name", "last_name", "email", "phone", "gender", "language", "zone")


class AttributeCondition(Condition):
    """A field of the client's profile, or a custom attribute (`attributes.size`), compared with a value.

    Text compares without regard to case; `greater` and `less` compare numbers, and hold for no
    client whose value is not a number.
    """

    class Operator(models.TextChoices):
        EQUALS = "equals", _("equals")
        DIFFERS = "differs", _("differs from")
        CONTAINS = "contains", _("contains")
        FILLED = "filled", _("is filled in")
        EMPTY = "empty", pgettext_lazy("attribute", "is empty")
        GREATER = "greater", _("is greater than")
        LESS = "less", _("is less than")

    attribute = models.CharField(
        _("attribute"),
        max_length=100,
        help_text=_("A profile field (%(fields)s) or attributes.NAME for a custom one.")
        % {"fields": ", ".join(FIELDS)},
    )
    operator = models.CharField(_("comparison"), max_length=10, choices=Operator, default=Operator.EQUALS)
    value = models.CharField(_("value"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("client's attribute")
        verbose_name_plural = _("client's attributes")

    def clean(self) -> None:
        custom = self.attribute.startswith("attributes.") and len(self.attribute) > len("attributes.")
        if self.attribute not in FIELDS and not custom:
            raise ValidationError({"attribute": _("There is no such profile field.")})
        if self.operator in (self.Operator.GREATER, self.Operator.LESS):
            if not custom:
                raise ValidationError({"operator": _("Profile fields are text; compare numbers in attributes.NAME.")})
            try:
                float(self.value)
            except ValueError:
                raise ValidationError({"value": _("Give a number.")}) from None
        needs_value = self.operator not in (self.Operator.FILLED, self.Operator.EMPTY)
        if needs_value and not self.value:
            raise ValidationError({"value": _("Give a value to compare with.")})

    def predicate(self, now: datetime) -> Q:
        path = self.attribute.replace("attributes.", "attributes__", 1)
        operators = self.Operator
        if self.attribute in FIELDS:
            filled = ~Q(**{path: ""})
        else:
            filled = Q(**{f"{path}__isnull": False}) & ~Q(**{path: None}) & ~Q(**{path: ""})
        match self.operator:
            case operators.FILLED:
                return filled
            case operators.EMPTY:
                return negated(filled)
            case operators.EQUALS:
                return self._equals(path)
            case operators.DIFFERS:
                return negated(self._equals(path))
            case operators.CONTAINS:
                return Q(**{f"{path}__icontains": self.value})
            # jsonb orders strings < numbers < booleans: the second bound keeps to numbers.
            case operators.GREATER:
                return Q(**{f"{path}__gt": float(self.value), f"{path}__lt": False})
            case _:
                return Q(**{f"{path}__lt": float(self.value), f"{path}__gte": -sys.float_info.max})

    def _equals(self, path: str) -> Q:
        equal = Q(**{f"{path}__iexact": self.value})
        if self.attribute not in FIELDS:
            # A custom attribute may hold a number or a boolean, which the marketer writes as text.
            lowered = self.value.lower()
            if lowered in ("true", "false"):
                equal |= Q(**{path: lowered == "true"})
            try:
                equal |= Q(**{path: float(self.value)})
            except ValueError:
                pass
        return equal

    def sentence(self) -> str:
        if self.attribute in FIELDS:
            name = str(getattr(Client, self.attribute).field.verbose_name)
        else:
            name = self.attribute.removeprefix("attributes.")
        value = f" «{self.value}»" if self.operator not in (self.Operator.FILLED, self.Operator.EMPTY) else ""
        sentence = t("%(attribute)s %(comparison)s") % {"attribute": name, "comparison": self.get_operator_display()}
        return f"{sentence}{value}"

    def seen(self, client_id: int, now: datetime) -> str:
        client = Client.objects.get(pk=client_id)
        if self.attribute in FIELDS:
            value = getattr(client, self.attribute)
        else:
            value = client.attributes.get(self.attribute.removeprefix("attributes."))
        return t("is «%(value)s»") % {"value": "" if value is None else value}
