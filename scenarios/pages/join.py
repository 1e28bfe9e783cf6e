"""`/join/<page>/`: signing up on a landing page (contract §4). Works without JavaScript."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as t
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from loyalty.api import throttle
from loyalty.pages.plain import address, language, plain
from loyalty.services.consents import Evidence
from scenarios.models import LandingPage
from scenarios.services import landing

# Sign-ups from one address in a minute: a shop's whole queue may stand behind one.
MOST = 20
# A field that people do not see; what fills it in is a machine.
TRAP = "website"


# Nobody is logged in here: there is nothing that a forged request could misuse, and a cookie less.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """The page, and what its form does."""
    page = LandingPage.objects.prefetch_related("consents").select_related("segment").filter(slug=slug).first()
    if page is None:
        return plain(request, 404, t("This page is not there"), t("Please look on the shop's site."))
    with translation.override(language(page.language)):
        if not page.active:
            return plain(request, 410, t("Signing up here is over"), t("Our shop is open to you all the same."))
        if request.method != "POST":
            return _form(request, page, {})
        visitor = address(request)
        if throttle.count(f"join:{visitor}") > MOST:
            answer = plain(request, 429, t("Too many at once"), t("Please try again in a minute."))
            answer["Retry-After"] = str(throttle.WINDOW)
            return answer
        thanks = page.thanks or t("You are with us now.")
        if request.POST.get(TRAP):
            # A machine learns nothing from the answer.
            return plain(request, 200, t("Thank you!"), thanks)
        now = timezone.now()
        agreed = {int(pk) for pk in request.POST.getlist("agree") if pk.isdecimal() and len(pk) < 18}
        said, wrong = landing.understood(page, request.POST, now)  # type: ignore[arg-type]  # of one value a name
        if landing.missing(page, agreed):
            wrong["agree"] = t("Please tick what is needed to join.")
        if wrong:
            return _form(request, page, wrong, agreed)
        evidence = Evidence(f"landing page {page.slug}", ip=visitor, agent=request.headers.get("User-Agent", ""))
        landing.join(page, said, agreed, evidence, now)
        if landing.asks_to_confirm(page, agreed):
            thanks = t("%(thanks)s One thing is left: confirm it by the link that we are sending you.") % {
                "thanks": thanks
            }
        return plain(request, 200, t("Thank you!"), thanks)


def _form(
    request: HttpRequest, page: LandingPage, wrong: dict[str, str], agreed: set[int] | None = None
) -> HttpResponse:
    asked = (
        (page.ask_name, "name", t("Name"), "text", "given-name"),
        (page.ask_phone, "phone", t("Phone"), "tel", "tel"),
        (page.ask_email, "email", t("E-mail"), "email", "email"),
        (page.ask_birthday, "birthday", t("Birthday"), "date", "bday"),
    )
    fields = [
        {
            "name": name,
            "label": label,
            "type": kind,
            "complete": complete,
            "required": name in ("phone", "email"),
            "said": request.POST.get(name, ""),
            "wrong": wrong.get(name, ""),
        }
        for shown, name, label, kind, complete in asked
        if shown
    ]
    boxes = [{"row": box, "ticked": box.pk in (agreed or ())} for box in page.boxes()]
    context = {"page": page, "fields": fields, "boxes": boxes, "wrong": wrong, "trap": TRAP}
    return render(request, "scenarios/pages/join.html", context, status=422 if wrong else 200)
