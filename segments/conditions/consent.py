"""What a client allowed to be sent."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import Consent
from segments.conditions.base import Condition
from segments.facts import Facts, Span, Term


class ConsentCondition(Condition):
    """The client's newest word on a channel and topic is yes; or is not: no word means no (semantics §2)."""

    channel = models.CharField(_("channel"), max_length=10, choices=Consent.Channel, default=Consent.Channel.EMAIL)
    topic = models.CharField(_("topic"), max_length=50, default="marketing")
    negated = models.BooleanField(_("did not agree"), default=False)

    class Meta:
        verbose_name = _("consent to messages")
        verbose_name_plural = _("consents to messages")

    def term(self, facts: Facts) -> Term:
        newest = facts.relation(
            f"SELECT DISTINCT ON (client_id) client_id, granted, given_at FROM loyalty_consent"
            f" WHERE channel = {facts.value(self.channel)} AND topic = {facts.value(self.topic)}"
            f" AND given_at <= {facts.moment()} AND {facts.among('client_id')}"
            f" ORDER BY client_id, given_at DESC, id DESC",
            cheap=True,
        )
        test = f"{newest}.granted IS NOT TRUE" if self.negated else f"{newest}.granted"
        return Term(test, {"granted": f"{newest}.granted"})

    def sentence(self) -> str:
        pattern = t("did not agree to «%(topic)s» by %(channel)s") if self.negated else t(
            "agreed to «%(topic)s» by %(channel)s"
        )  # fmt: skip
        return pattern % {"topic": self.topic, "channel": self.get_channel_display()}

    def seen(self, saw: Mapping[str, Any]) -> str:
        return {None: t("never said"), True: t("said yes"), False: t("said no")}[saw["granted"]]

    def changing(self, span: Span) -> tuple[str, ...]:
        # Said in the past when it is stored, and it is an event when it is.
        return ()
