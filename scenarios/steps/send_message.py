"""Sending a message."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from messaging import buttons
from messaging.models import Channel, ChannelContent, MessageContent, Reserve, Success
from messaging.models.content import check_variables
from messaging.models.whatsapp_template import SID
from messaging.services import best_channel, button_texts, rulebook, wordings
from messaging.services.button_texts import Keyboard
from scenarios.durations import Unit, length
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, Outcome, QueueMessage, RunView
from scenarios.steps.saying import Saying, against

MAX_CHANNELS = 4


class SendMessage(Step, MessageContent):
    """Queues one message through one channel, or through several in turn until one reaches the client (semantics §22).

    A refusal is logged with its reason and the run goes on.
    """

    icon = "mail"

    # The channels after the first, in order: objects of `ChannelContent`'s fields, empty ones left out but for text.
    fallbacks = models.JSONField(_("other channels"), default=list, blank=True)
    fallback_on = models.CharField(
        _("take the next channel where the message"), max_length=9, choices=Success, default=Success.OPENED
    )
    fallback_amount = models.PositiveSmallIntegerField(
        _("within"), default=24, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    fallback_unit = models.CharField(_("unit"), max_length=7, choices=Unit, default=Unit.HOURS)
    best_first = models.BooleanField(
        _("begin with the client's best channel"),
        default=False,
        help_text=_("Where the client clicked and opened most in the last 90 days; otherwise in this order."),
    )

    class Meta:
        verbose_name = _("send message")
        verbose_name_plural = _("messages")

    def contents(self) -> list[MessageContent | ChannelContent]:
        """What is said through each channel, in order."""
        return [self, *map(_content, self.fallbacks)]

    def clean(self) -> None:
        super().clean()
        wrong: dict[str, Any] = dict(wordings.wrong(self))
        if found := _about_buttons(self.buttons):
            wrong["buttons"] = found
        if others := list(_problems(self.channel, self.fallbacks)):
            wrong[NON_FIELD_ERRORS] = others
        if wrong:
            raise ValidationError(wrong)

    def sentence(self) -> str:
        text = self.subject if self.channel == Channel.EMAIL else self.body
        channels = " → ".join(str(Channel(content.channel).label) for content in self.contents())
        pressed = " ".join(f"[{row['text']}]" for row in self.buttons)
        return f"{channels}: {text[:80]} {pressed}".rstrip()

    def templates(self) -> Collection[str]:
        texts = [text for content in self.contents() for text in wordings.sources(content)]
        return (*texts, *buttons.templates(self.buttons))

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        book, contents, known = rulebook.load(now), self.contents(), against(batch.runs)
        keys = Keyboard(self.buttons)
        sayings = [Saying(content, keys, self.topic, batch, book, known, now) for content in contents]
        if len(sayings) == 1:
            return [_outcome([sayings[0].message(run)]) for run in batch.runs]
        reserve = Reserve(self.fallback_on, length(self.fallback_amount, self.fallback_unit))
        channels = [content.channel for content in contents]
        best = best_channel.ordered([*batch.clients], channels, now) if self.best_first else {}
        given = list(range(len(sayings)))
        return [
            _outcome(_cascade(run, [sayings[place] for place in best.get(run.client_id, given)], reserve))
            for run in batch.runs
        ]


def _content(row: Mapping[str, Any]) -> ChannelContent:
    texts = {name: str(row.get(name, "")) for name in ("subject", "body", "html", "template")}
    return ChannelContent(row["channel"], variables=row.get("variables", {}), **texts)


def _has_template(row: Mapping[str, Any]) -> bool:
    return row.get("channel") == Channel.WHATSAPP and bool(row.get("template"))


def _cascade(run: RunView, sayings: list[Saying], reserve: Reserve) -> list[QueueMessage]:
    """The attempts of one message: those that are refused, the first that may go, and those in reserve behind it."""
    said: list[QueueMessage] = []
    begun = False
    for saying in sayings:
        message = saying.message(run, len(said) + 1, reserve if begun else None)
        said.append(message)
        if saying.known(run):
            break  # it is not the channel that stands in the way
        begun = begun or not message.withheld
    return said


def _outcome(said: list[QueueMessage]) -> Outcome:
    if all(message.withheld for message in said):
        return Outcome(effects=tuple(said), reason=said[0].withheld, detail=said[0].error[:500])
    return Outcome(effects=tuple(said))


def _about_buttons(said: list[dict[str, str]]) -> list[str]:
    try:
        buttons.check(said)
    except ValidationError:
        return []  # the field's own check says it
    return button_texts.problems(said)


def _problems(first: str, others: Any) -> Iterator[str]:
    """What is wrong with the channels after the first, in the current language, each with its place."""
    if not isinstance(others, list) or not all(isinstance(row, dict) for row in others) or len(others) >= MAX_CHANNELS:
        yield t("Give at most %(n)d channels, each with its text.") % {"n": MAX_CHANNELS}
        return
    seen = {first}
    for place, row in enumerate(others, 2):
        channel = row.get("channel")
        if channel not in Channel.values:
            yield f"{place}: {t('Choose a channel.')}"
            continue
        label = f"{place}. {capfirst(str(Channel(channel).label))}"
        if channel in seen:
            yield f"{label}: {t('This channel comes twice.')}"
        seen.add(channel)
        if channel == Channel.EMAIL and not row.get("subject"):
            yield f"{label}: {t('An e-mail needs a subject.')}"
        if not (row.get("body") or channel == Channel.EMAIL and row.get("html") or _has_template(row)):
            yield f"{label}: {t('What does the message say?')}"
        if _has_template(row) and not re.fullmatch(SID, str(row["template"])):
            yield f"{label}: {t('The SID of a template is HX and 32 characters.')}"
        try:
            check_variables(row.get("variables", {}))
        except ValidationError as error:
            yield f"{label}: {' '.join(error.messages)}"
            continue
        yield from (f"{label}: {words}" for words in wordings.wrong(_content(row)).values())
