"""Notifying staff."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from messaging.models import Channel, Reason
from messaging.services import render, staff
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, TellStaff
from scenarios.steps.wording import Wording


class NotifyStaff(Step):
    """Writes to staff about the client: a message of its own to each of them (semantics §29, mechanics T43).

    Staff are named, not linked, so that a release means the same in another installation.
    """

    icon = "support_agent"

    to = models.CharField(_("whom"), max_length=10, choices=staff.Kind, default=staff.Kind.ROLE)
    person = models.CharField(_("person"), max_length=150, blank=True)
    group = models.CharField(_("group"), max_length=150, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=staff.Role, default=staff.Role.ADMINISTRATOR)
    channel = models.CharField(
        _("channel"),
        max_length=10,
        choices=[*((channel.value, channel.label) for channel in staff.CHANNELS), (staff.OWN, _("as each prefers"))],
        default=Channel.EMAIL,
    )
    subject = models.CharField(_("subject"), max_length=300, blank=True, help_text=_("For e-mail only."))
    body = models.TextField(_("text"))

    class Meta:
        verbose_name = _("notify staff")
        verbose_name_plural = _("messages to staff")

    def name(self) -> str:
        """The user name, the group's name or the role."""
        return {staff.Kind.PERSON.value: self.person, staff.Kind.GROUP.value: self.group}.get(self.to, self.role)

    def clean(self) -> None:
        wrong: dict[str, object] = {}
        if not staff.members(self.to, self.name()):
            wrong[self.to] = _("Nobody of the active staff is this.")
        elif not staff.reachable(staff.members(self.to, self.name()), self.channel):
            wrong[self.to] = _("None of them has an address for this channel.")
        if self.channel in (Channel.EMAIL, staff.OWN) and not self.subject:
            wrong["subject"] = _("An e-mail needs a subject.")
        for field in ("subject", "body"):
            try:
                render.check(getattr(self, field))
            except render.TemplateError as error:
                wrong[field] = str(error)
        if wrong:
            raise ValidationError(wrong)

    def sentence(self) -> str:
        who = self.get_role_display() if self.to == staff.Kind.ROLE else self.name()  # type: ignore[attr-defined]
        return t("Tell %(who)s: %(text)s") % {"who": who, "text": (self.subject or self.body)[:80]}

    def templates(self) -> Collection[str]:
        return (self.subject, self.body)

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        people = staff.reachable(staff.members(self.to, self.name()), self.channel)
        if not people:
            return [Outcome(reason="no_staff")] * len(batch.runs)
        subject, body = render.compiled(self.subject), render.compiled(self.body)
        words = Wording(subject.names | body.names, batch.runs, batch, now)
        outcomes = []
        for run in batch.runs:
            try:
                values, manner = words.of(run), words.manner_of_staff()
                said = subject.render(values, manner), body.render(values, manner)
            except render.RenderError as error:
                outcomes.append(Outcome(reason=Reason.RENDER_FAILED, detail=str(error)[:500]))
                continue
            effects = tuple(_tell(person, self.channel, *said) for person in people)
            outcomes.append(Outcome(effects=effects))
        return outcomes


def _tell(person: staff.Member, channel: str, subject: str, body: str) -> TellStaff:
    way = person.way(channel)
    return TellStaff(person.id, way, person.address(way), subject if way == Channel.EMAIL else "", body)
