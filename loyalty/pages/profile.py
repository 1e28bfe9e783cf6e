"""`/profile/<token>/`: what clients tell about themselves by a personal link (contract §4), without JavaScript."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from loyalty.models import ProfileQuestion
from loyalty.pages.plain import language, plain
from loyalty.services import profile_forms
from loyalty.services.personal_links import Forged, Over

_INPUTS = {ProfileQuestion.Kind.DATE: "date"}
_COMPLETE = {"first_name": "given-name", "last_name": "family-name", "birthday": "bday"}


# The signed link is the right to answer; a mail program's browser may keep no cookies.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks for what is missing; POST tells it."""
    now = timezone.now()
    try:
        asked = profile_forms.asked_by(token, now)
    except Forged:
        return plain(request, 403, t("This link is not valid"), t("Please open it as it stands in the message."))
    except Over:
        return plain(request, 410, t("This form is closed"), t("Thank you all the same."))
    with translation.override(language(asked.client.language)):
        thanks = asked.form.thanks or t("We know everything that we wanted to ask.")
        if not asked.questions:
            return plain(request, 200, t("Thank you!"), thanks)
        wrong: dict[str, str] = {}
        if request.method == "POST":
            said, wrong = profile_forms.read(asked.questions, request.POST, now)  # type: ignore[arg-type]  # of one value a name
            if not wrong:
                profile_forms.fill(asked, said, now)
                return plain(request, 200, t("Thank you!"), thanks)
        shown = [_shown(question, request.POST.get(question.attribute, ""), wrong) for question in asked.questions]
        context = {"form": asked.form, "questions": shown}
        return render(request, "loyalty/pages/profile.html", context, status=422 if wrong else 200)


def _shown(question: ProfileQuestion, said: str, wrong: dict[str, str]) -> dict[str, object]:
    return {
        "row": question,
        "choices": question.choices(),
        "type": _INPUTS.get(ProfileQuestion.Kind(question.kind), "text"),
        "decimal": question.kind == ProfileQuestion.Kind.NUMBER,
        "complete": _COMPLETE.get(question.attribute, "off"),
        "said": said,
        "wrong": wrong.get(question.attribute, ""),
    }
