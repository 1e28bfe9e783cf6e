"""Asking a survey: the link in the texts below, and a fork on what was answered."""

from datetime import timedelta

import pytest

from loyalty.models import Survey, SurveyQuestion
from loyalty.services import surveys
from messaging.models import Message
from scenarios.models import AskSurvey
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def test_the_text_below_leads_to_the_survey_and_each_run_has_its_own(walk):
    survey = Survey.objects.create(name="S", slug="s", title="S")
    SurveyQuestion.objects.create(survey=survey, kind="csat", key="q", words="?")
    anna, boris, draft = b.client(), b.client(), b.scenario()
    b.add(AskSurvey, b.trunk(draft), survey=survey, days=365)
    b.sms(b.trunk(draft), body="{{ survey.url }}")
    walk(draft, anna, boris)
    urls = dict(Message.objects.values_list("client", "body"))
    assert len(set(urls.values())) == 2
    for person in (anna, boris):
        asked = surveys.asked_by(urls[person.pk].split("/")[-2], NOW + timedelta(days=365, seconds=-1))
        assert (asked.survey, asked.client) == (survey, person)
        assert asked.key.startswith("run:")
        with pytest.raises(surveys.Over):
            surveys.asked_by(urls[person.pk].split("/")[-2], NOW + timedelta(days=365))


def test_a_survey_that_is_off_or_empty_cannot_be_published():
    survey = Survey.objects.create(name="S", slug="s", title="S", active=False)
    found = AskSurvey(survey=survey).problems()
    assert [words for words in found if "switched off" in words or "no questions" in words] == found[-2:]
