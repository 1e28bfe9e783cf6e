"""How long ago a client registered."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import formats, timezone
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from segments.conditions.amounts import MAX_DAYS, days_ago, in_days
from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term


class RegistrationCondition(Condition):
    """The client registered at least n × 24 hours ago, at most m × 24 hours ago, or both; bounds are included.

    It holds for nobody of whom it is not known when they registered.
    """

    at_least = models.PositiveIntegerField(
        _("at least days ago"), null=True, blank=True, validators=[MaxValueValidator(MAX_DAYS)]
    )
    at_most = models.PositiveIntegerField(
        _("at most days ago"), null=True, blank=True, validators=[MaxValueValidator(MAX_DAYS)]
    )

    class Meta:
        verbose_name = _("registration")
        verbose_name_plural = _("registrations")

    def clean(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValidationError({"at_least": _("Give a number of days.")})
        if self.at_least is not None and self.at_most is not None and self.at_most < self.at_least:
            raise ValidationError({"at_most": _("This is less than the lower bound.")})

    def term(self, facts: Facts) -> Term:
        tests = [f"c.registered_at <= {facts.moment(days_ago(self.at_least))}"]
        if self.at_most is not None:
            tests.append(f"c.registered_at >= {facts.moment(days_ago(self.at_most))}")
        return Term(" AND ".join(tests), {"at": "c.registered_at"})

    def sentence(self) -> str:
        if self.at_most is None:
            return t("registered at least %(days)s ago") % {"days": in_days(self.at_least or 0)}
        if not self.at_least:
            return t("registered at most %(days)s ago") % {"days": in_days(self.at_most)}
        return t("registered from %(low)s to %(high)s ago") % {
            "low": in_days(self.at_least),
            "high": in_days(self.at_most),
        }

    def seen(self, saw: Mapping[str, Any]) -> str:
        if saw["at"] is None:
            return t("has not registered")
        return t("registered on %(day)s") % {"day": formats.date_format(timezone.localtime(saw["at"]), "DATE_FORMAT")}

    def changing(self, span: Span) -> tuple[str, ...]:
        shifts = {days_ago(bound) for bound in (self.at_least, self.at_most) if bound is not None}
        edges = span.crossed("registered_at", days_ago(0), *sorted(shifts))
        return (f"SELECT id AS client_id FROM loyalty_client WHERE {edges}",)
