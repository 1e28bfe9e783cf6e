"""`/survey/<token>/`: a personal link, answered once, in the client's language, without JavaScript."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import Event, Survey, SurveyAnswer, SurveyQuestion, SurveyReply
from loyalty.services import merge, surveys
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def survey():
    made = Survey.objects.create(name="After purchase", slug="after", title="How was it?", thanks="Come again!")
    for position, (kind, key, required) in enumerate(
        [("csat", "service", True), ("nps", "friends", True), ("choice", "why", False), ("text", "words", False)]
    ):
        SurveyQuestion.objects.create(
            survey=made, kind=kind, key=key, words=f"{key}?", position=position, required=required,
            options="price\nquality" if kind == "choice" else "",
        )  # fmt: skip
    return made


def _path(survey, person, key="run:1:a:1", days=7):
    return surveys.link(survey.slug, person.pk, key, timezone.now() + timedelta(days=days)).removeprefix(
        "http://testserver"
    )


GOOD = {"service": "5", "friends": "9", "why": "price", "words": "Fine"}


def test_an_answer_is_stored_and_told_once(client, survey):
    anna = b.client()
    path = _path(survey, anna)
    page = client.get(path).content.decode()
    assert "How was it?" in page
    assert "viewport" in page
    assert "<script" not in page
    for said in (GOOD, GOOD | {"service": "1"}):
        answer = client.post(path, said)
        assert (answer.status_code, "Come again!" in answer.content.decode()) == (200, True)
    assert "Come again!" in client.get(path).content.decode()
    event = Event.objects.get(name="survey.answered")
    assert event.client == anna
    assert event.payload == {
        "survey": "after", "asked_by": "run:1:a:1", "score": 5, "csat": 5, "nps": 9,
        "answers": {"service": 5, "friends": 9, "why": "price", "words": "Fine"},
    }  # fmt: skip
    assert SurveyReply.objects.count() == 4


def test_another_link_of_the_same_client_is_another_answer(client, survey):
    anna = b.client()
    for key in ("run:1:a:1", "run:2:a:1"):
        client.post(_path(survey, anna, key), GOOD)
    assert SurveyAnswer.objects.filter(client=anna).count() == 2


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ({}, False),
        ({"service": "5"}, False),
        ({"service": "0", "friends": "9"}, False),
        ({"service": "6", "friends": "9"}, False),
        ({"service": "5", "friends": "11"}, False),
        ({"service": "5", "friends": "٩"}, False),
        ({"service": "1", "friends": "0"}, True),
        ({"service": "5", "friends": "10", "why": "magic"}, False),
        ({"service": "5", "friends": "10", "words": "x\x00" * 9000}, True),
    ],
)
def test_what_is_missing_or_not_offered_is_asked_again_and_nothing_is_lost(client, survey, said, stored):
    answer = client.post(_path(survey, b.client()), said)
    assert (answer.status_code, SurveyAnswer.objects.exists()) == ((200, True) if stored else (422, False))
    if said.get("service") == "5" and not stored:
        assert 'value="5" checked' in answer.content.decode()


@pytest.mark.parametrize(
    "change", [lambda path: path[:-2] + "x/", lambda path: "/survey/abc/", lambda path: "/survey/a:b:c/"]
)
def test_a_forged_link_is_a_plain_403(client, survey, change):
    answer = client.post(change(_path(survey, b.client())), GOOD)
    assert answer.status_code == 403
    assert not SurveyAnswer.objects.exists()


def test_a_link_whose_time_has_passed_and_a_closed_survey_are_a_plain_410(client, survey):
    anna = b.client()
    assert client.get(_path(survey, anna, days=0)).status_code == 410
    path = _path(survey, anna)
    Survey.objects.update(active=False)
    assert client.post(path, GOOD).status_code == 410
    assert not SurveyAnswer.objects.exists()


def test_the_page_speaks_the_clients_language(client, survey):
    for language, expected in (("en", 'lang="en"'), ("ru", 'lang="ru"'), ("ru-RU", 'lang="ru"'), ("xx", 'lang="en"')):
        page = client.get(_path(survey, b.client(language=language), f"k{language}"), HTTP_ACCEPT_LANGUAGE="en")
        assert expected in page.content.decode()


def test_a_link_of_a_merged_guest_answers_for_the_client(client, survey):
    guest, anna = b.client(), b.client()
    path = _path(survey, guest)
    merge.merge(guest.pk, anna.pk, NOW)
    client.post(path, GOOD)
    assert SurveyAnswer.objects.get().client == anna


def test_a_mail_programs_browser_without_cookies_may_answer(survey):
    assert Client(enforce_csrf_checks=True).post(_path(survey, b.client()), GOOD).status_code == 200


def test_figures_count_what_was_answered(survey):
    people = b.clients(10)
    questions = list(survey.questions.all())
    for person, csat, nps in zip(people, [5, 5, 4, 4, 4, 3, 3, 2, 1, 1], [10, 9, 9, 8, 7, 7, 6, 5, 0, 10], strict=True):
        asked = surveys.Asked(survey, person, f"k{person.pk}")
        surveys.answer(asked, questions, {"service": str(csat), "friends": str(nps)}, NOW)
    csat, nps = surveys.figures(survey.pk)
    assert (csat.kind, csat.n, csat.value) == ("csat", 10, 50)
    assert (round(csat.low, 2), round(csat.high, 2)) == (23.66, 76.34)
    assert (nps.kind, nps.n, round(nps.value, 6)) == ("nps", 10, 10)  # 4 promoters, 3 detractors
    assert nps.low < 10 < nps.high


@pytest.mark.parametrize(("good", "n"), [(0, 1), (1, 1), (0, 1000), (1000, 1000)])
def test_intervals_stay_within_bounds(good, n):
    for value, low, high in (surveys.csat(good, n), surveys.nps(good, n - good, n)):
        assert -100 <= low <= value + 1e-9
        assert value - 1e-9 <= high <= 100


def test_staff_see_the_figures_with_their_formula(admin_client, survey):
    surveys.answer(surveys.Asked(survey, b.client(), "k"), list(survey.questions.all()), GOOD, NOW)
    page = admin_client.get(f"/admin/loyalty/survey/{survey.pk}/change/").content.decode()
    assert "CSAT 100.0" in page
    assert "% of 9–10 − % of 0–6" in page
    assert "Fine" in admin_client.get("/admin/loyalty/surveyanswer/").content.decode()
