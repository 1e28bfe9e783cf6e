"""Surveys: what clients are asked, and what they answer (mechanics T26, T48)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.asking import Asking
from loyalty.models.client import Client


class Survey(Asking):
    """A page of questions behind a personal link. What was answered stays when questions are changed."""

    class Meta:
        verbose_name = _("survey")
        verbose_name_plural = _("surveys")


class SurveyQuestion(models.Model):
    """One question. `key` names its answer in events and conditions."""

    class Kind(models.TextChoices):
        CSAT = "csat", _("satisfaction, 1 to 5 (CSAT)")
        NPS = "nps", _("would you recommend us, 0 to 10 (NPS)")
        CHOICE = "choice", _("one of several")
        TEXT = "text", _("free text")

    survey = models.ForeignKey(
        Survey, models.CASCADE, related_name="questions", db_index=False, verbose_name=_("survey")
    )
    key = models.SlugField(_("key"), max_length=50, help_text=_("Its name in events and conditions."))
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    words = models.CharField(_("question"), max_length=500)
    options = models.TextField(_("options"), blank=True, help_text=_("One a line, for “one of several”."))
    required = models.BooleanField(_("must be answered"), default=True)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ("position", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=["survey", "key"],
                name="survey_question_key",
                violation_error_message=_("Another question of this survey has this key."),
            )
        ]

    def __str__(self) -> str:
        return self.words

    def choices(self) -> list[str]:
        """What may be chosen, as texts; empty for free text."""
        match self.kind:
            case self.Kind.CSAT:
                return [str(number) for number in range(1, 6)]
            case self.Kind.NPS:
                return [str(number) for number in range(11)]
            case self.Kind.CHOICE:
                return [line.strip() for line in self.options.splitlines() if line.strip()]
            case _:
                return []


class SurveyAnswer(models.Model):
    """One filled-in survey: unique per (survey, key), the key being the visit of a scenario's step that asked."""

    survey = models.ForeignKey(Survey, models.PROTECT, db_index=False, verbose_name=_("survey"))
    client = models.ForeignKey(Client, models.PROTECT, verbose_name=_("client"))
    key = models.CharField(_("key"), max_length=200)
    answered_at = models.DateTimeField(_("answered"))

    class Meta:
        verbose_name = _("answer to a survey")
        verbose_name_plural = _("answers to surveys")
        constraints = [models.UniqueConstraint(fields=["survey", "key"], name="survey_answer_once")]
        indexes = [models.Index(fields=["survey", "-id"], name="survey_answer_newest")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class SurveyReply(models.Model):
    """The answer to one question, kept as it was asked: a number for the two scores, words otherwise."""

    answer = models.ForeignKey(
        SurveyAnswer, models.CASCADE, related_name="replies", db_index=False, verbose_name=_("answer")
    )
    survey = models.ForeignKey(Survey, models.PROTECT, db_index=False, verbose_name=_("survey"))
    key = models.CharField(_("key"), max_length=50)
    kind = models.CharField(_("kind"), max_length=10, choices=SurveyQuestion.Kind)
    question = models.CharField(_("question"), max_length=500)
    number = models.SmallIntegerField(_("score"), null=True)
    words = models.TextField(_("text"), blank=True)

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        constraints = [models.UniqueConstraint(fields=["answer", "key"], name="survey_reply_once")]
        indexes = [
            models.Index(
                fields=["survey", "key", "number"], name="survey_reply_scores", condition=Q(number__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.words or str(self.number)
