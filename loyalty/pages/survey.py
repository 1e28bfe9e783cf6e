"""`/survey/<token>/`: a survey behind a personal link (contract §4). Works without JavaScript."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from loyalty.models import SurveyQuestion
from loyalty.pages.plain import language, plain
from loyalty.services import surveys
from loyalty.services.personal_links import Forged, Over


# The signed link is the right to answer; a mail program's browser may keep no cookies.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def survey(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks; POST answers, once a link."""
    now = timezone.now()
    try:
        asked = surveys.asked_by(token, now)
    except Forged:
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    except Over:
        return plain(request, 410, t("This survey is over"), t("Thank you all the same."))
    with translation.override(language(asked.client.language)):
        thanks = asked.survey.thanks or t("Your answer has been stored.")
        if surveys.answered(asked):
            return plain(request, 200, t("Thank you!"), thanks)
        questions = list(asked.survey.questions.all())
        said: dict[str, str] = {}
        wrong: dict[str, str] = {}
        if request.method == "POST":
            said, wrong = surveys.read(questions, request.POST)
            if not wrong:
                surveys.answer(asked, questions, said, now)
                return plain(request, 200, t("Thank you!"), thanks)
        shown = [_shown(question, request.POST.get(question.key, ""), wrong) for question in questions]
        context = {"survey": asked.survey, "questions": shown, "wrong": wrong}
        return render(request, "loyalty/pages/survey.html", context, status=422 if wrong else 200)


def _shown(question: SurveyQuestion, said: str, wrong: dict[str, str]) -> dict[str, object]:
    return {
        "row": question,
        "choices": question.choices(),
        "said": said,
        "wrong": wrong.get(question.key, ""),
        "scale": question.kind in (SurveyQuestion.Kind.CSAT, SurveyQuestion.Kind.NPS),
    }
