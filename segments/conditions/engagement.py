"""What a client does with messages."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import Consent
from segments.conditions.amounts import Counted, days_ago, happened
from segments.conditions.base import Condition, MenuGroup
from segments.facts import Facts, Span, Term

# From the writing of a message to its sending, at most; see `_sent_lately`.
_SOON = timedelta(days=2)


class EngagementCondition(Counted, Condition):
    """Messages were sent to the client, delivered, opened, clicked or replied to n times in the window.

    Counted are the events of the stream (`message.opened`), one a message and deed; of clicks, one a link. Sending is
    no event, for every message would be written twice: it is read from the send log, a table of the room above.
    """

    menu_group = MenuGroup.BEHAVIOUR

    class Deed(models.TextChoices):
        SENT = "sent", _("message sent")
        DELIVERED = "delivered", _("message delivered")
        OPENED = "opened", _("message opened")
        CLICKED = "clicked", _("link in a message followed")
        REPLIED = "replied", _("message answered")

    deed = models.CharField(_("what happened"), max_length=10, choices=Deed, default=Deed.OPENED)
    channel = models.CharField(_("channel"), max_length=20, blank=True, help_text=_("Empty: by any channel."))

    class Meta:
        verbose_name = _("messages: delivered, opened, clicked")
        verbose_name_plural = _("messages: delivered, opened, clicked")

    def term(self, facts: Facts) -> Term:
        if self.deed == self.Deed.SENT:
            log = facts.relation(self._sent(facts))
            return Term(self.often_enough(facts, f"{log}.n"), {"count": f"{log}.n"})
        by = f" AND e.payload ->> 'channel' = {facts.value(self.channel)}" if self.channel else ""
        events = facts.relation(
            f"SELECT e.client_id, count(*) AS n FROM loyalty_event e WHERE e.name = {facts.value(self._name())}"
            f" AND {self.inside(facts, 'e.occurred_at')} AND {facts.among('e.client_id')}{by} GROUP BY e.client_id"
        )
        return Term(self.often_enough(facts, f"{events}.n"), {"count": f"{events}.n"})

    def _sent(self, facts: Facts) -> str:
        by = f" AND m.channel = {facts.value(self.channel)}" if self.channel else ""
        return (
            f"SELECT m.client_id, count(*) AS n FROM messaging_message m WHERE m.recipient = 'client' AND NOT m.test"
            f" AND m.sent_at IS NOT NULL AND {self.inside(facts, 'm.sent_at')} AND {facts.among('m.client_id')}{by}"
            f" GROUP BY m.client_id"
        )

    def _name(self) -> str:
        return f"message.{self.deed}"

    def sentence(self) -> str:
        said = str(self.get_deed_display())
        if self.channel:
            channel = dict(Consent.Channel.choices).get(self.channel, self.channel)
            said = t("%(said)s by %(channel)s") % {"said": said, "channel": channel}
        return f"{said} {self.how_often()}"

    def seen(self, saw: Mapping[str, Any]) -> str:
        return happened(saw["count"])

    def changing(self, span: Span) -> tuple[str, ...]:
        if self.deed == self.Deed.SENT:
            return (self._sent_lately(span),)
        return (
            f"SELECT e.client_id FROM loyalty_event e"
            f" WHERE e.name = {span.value(self._name())} AND {self.edges(span, 'e.occurred_at')}",
        )

    def _sent_lately(self, span: Span) -> str:
        """Whose messages were sent in the span, or so long before it that they leave the window.

        A message is sent soon after it was written, and only of the writing there is an index by time. What waited for
        longer is seen by the nightly rebuild.
        """
        shifts = [timedelta(0), *([days_ago(self.days)] if self.days else [])]
        edges = " OR ".join(
            span.crossed("m.sent_at", shift)
            + f" AND m.created_at BETWEEN {span.value(span.then - shift - _SOON)}::timestamptz"
            f" AND {span.value(span.now - shift)}::timestamptz"
            for shift in shifts
        )
        return f"SELECT m.client_id FROM messaging_message m WHERE m.client_id IS NOT NULL AND ({edges})"
