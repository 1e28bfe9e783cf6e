"""Asking for the profile: the link in the texts below leads to the form (T08)."""

from datetime import timedelta

import pytest

from loyalty.models import ProfileForm, ProfileQuestion
from loyalty.services import profile_forms
from loyalty.services.personal_links import Over
from messaging.models import Message
from scenarios.models import AskProfile
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def test_the_text_below_leads_each_client_to_the_form(walk):
    form = ProfileForm.objects.create(name="F", slug="f", title="F")
    ProfileQuestion.objects.create(form=form, attribute="birthday", kind="date", words="?")
    anna, boris, draft = b.client(), b.client(), b.scenario()
    b.add(AskProfile, b.trunk(draft), form=form, days=365)
    b.sms(b.trunk(draft), body="{{ profile.url }}")
    walk(draft, anna, boris)
    tokens = {
        client: body.split("/")[-2] for client, body in Message.objects.values_list("client", "body")
    }  # the address ends in a slash
    for person in (anna, boris):
        asked = profile_forms.asked_by(tokens[person.pk], NOW + timedelta(days=365, seconds=-1))
        assert (asked.form, asked.client, len(asked.questions)) == (form, person, 1)
        with pytest.raises(Over):
            profile_forms.asked_by(tokens[person.pk], NOW + timedelta(days=365))


def test_a_form_that_is_off_or_empty_cannot_be_published():
    form = ProfileForm.objects.create(name="F", slug="f", title="F", active=False)
    found = AskProfile(form=form).problems()
    assert [words for words in found if "switched off" in words or "no questions" in words] == found[-2:]
