"""Calling a webhook."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from messaging.models import Reason
from messaging.services import render
from scenarios.steps import json_body
from scenarios.steps.base import Step
from scenarios.steps.outcomes import Batch, CallHook, Outcome
from scenarios.steps.wording import Wording

BODY = """{
  "client": "{{ client.id | json }}",
  "first_name": "{{ client.first_name | default: '' }}",
  "bonuses": "{{ bonus.available | json }}"
}"""


class CallWebhook(Step):
    """Calls another system by POST with a JSON body; the run does not wait for the answer (mechanics HOOK).

    An answer that is a JSON object becomes the event `webhook.answered`, which a scenario may wait for.
    """

    icon = "webhook"

    endpoint = models.ForeignKey(
        "scenarios.WebhookEndpoint", models.PROTECT, related_name="+", verbose_name=_("webhook")
    )
    body = models.TextField(
        _("body"),
        default=BODY,
        max_length=50_000,
        help_text=_("JSON; its strings may say variables. “… | json” gives numbers and lists instead of text."),
    )

    class Meta:
        verbose_name = _("call a webhook")
        verbose_name_plural = _("calls of webhooks")

    def clean(self) -> None:
        try:
            for text in json_body.strings(json_body.parsed(self.body)):
                render.check(text)
        except render.TemplateError as error:
            raise ValidationError({"body": str(error)}) from None
        except ValueError as error:
            raise ValidationError({"body": t("This is not JSON: %(error)s") % {"error": error}}) from None

    def sentence(self) -> str:
        return t("Call «%(webhook)s»") % {"webhook": self.endpoint.name}

    def templates(self) -> Collection[str]:
        try:
            return tuple(json_body.strings(json_body.parsed(self.body)))
        except ValueError:
            return ()

    def decide(self, batch: Batch, now: datetime) -> list[Outcome]:
        words = Wording(json_body.names(self.body), batch.runs, batch, now)
        outcomes = []
        for run in batch.runs:
            try:
                said = json_body.fill(self.body, words.of(run), words.manner(run))
                outcomes.append(Outcome(effects=(CallHook(self.endpoint_id, said),)))
            except (render.RenderError, ValueError) as error:
                outcomes.append(Outcome(reason=Reason.RENDER_FAILED, detail=str(error)[:500]))
        return outcomes
