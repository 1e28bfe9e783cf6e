"""Surveys with their questions and figures, and the answers."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from loyalty.admin.base import BigTableAdmin, link
from loyalty.models import Survey, SurveyAnswer, SurveyQuestion, SurveyReply
from loyalty.services import surveys


class QuestionForm(forms.ModelForm):
    """A question of a known kind."""

    class Meta:
        widgets = {"options": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("kind") == SurveyQuestion.Kind.CHOICE:
            options = [line.strip() for line in said.get("options", "").splitlines() if line.strip()]
            if len(options) < 2 or len(set(options)) < len(options):
                raise ValidationError({"options": _("Give at least two different options, one a line.")})
        return said


class QuestionInline(StackedInline):
    """The questions, in order."""

    model = SurveyQuestion
    form = QuestionForm
    fields = ("words", "kind", "options", ("key", "position", "required"))
    ordering = ("position", "pk")
    extra = 0
    min_num = 1
    prepopulated_fields = {"key": ("words",)}


class SurveyForm(forms.ModelForm):
    """What is said around the questions."""

    class Meta:
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("intro", "thanks")}


@admin.register(Survey)
class SurveyAdmin(ModelAdmin):
    """Surveys."""

    form = SurveyForm
    list_display = ("name", "title", "active", "answers")
    list_filter = ("active",)
    search_fields = ("name", "slug", "title")
    fields = ("name", "slug", "title", "intro", "thanks", "active")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (QuestionInline,)
    change_form_outer_after_template = "loyalty/survey_after.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        figures = surveys.figures(int(object_id)) if object_id.isdecimal() else []
        return super().change_view(request, object_id, form_url, {"figures": figures} | (extra_context or {}))

    @display(description=_("answers"))
    def answers(self, survey: Survey) -> SafeString:
        number = SurveyAnswer.objects.filter(survey=survey).count()
        return format_html('<a href="/admin/loyalty/surveyanswer/?survey__id__exact={}">{}</a>', survey.pk, number)


@admin.register(SurveyAnswer)
class SurveyAnswerAdmin(BigTableAdmin):
    """What clients answered."""

    list_display = ("answered_at", "survey", "who", "said")
    list_select_related = ("survey", "client")
    list_filter = (("survey", RelatedDropdownFilter),)
    list_filter_submit = True
    search_help_text = _("Phone, e-mail or id of a client")
    fields = ("survey", "who", "answered_at", "said")
    readonly_fields = ("who", "said")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SurveyAnswer]:
        replies = Prefetch("replies", SurveyReply.objects.order_by("pk"))
        return super().get_queryset(request).prefetch_related(replies)

    @display(description=_("client"))
    def who(self, answer: SurveyAnswer) -> Any:
        return link(answer.client)

    @display(description=_("answers"))
    def said(self, answer: SurveyAnswer) -> SafeString:
        return format_html_join(
            "",
            "<div>{} — <b>{}</b></div>",
            (
                (reply.question, reply.words[:300] if reply.number is None else reply.number)
                for reply in answer.replies.all()
            ),
        )
