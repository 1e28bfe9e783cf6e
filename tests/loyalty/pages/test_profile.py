"""`/profile/<token>/`: what is missing is asked, what is known is neither shown nor changed (contract §4, T08)."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from loyalty.models import Event, ProfileForm, ProfileQuestion
from loyalty.services import merge, profile_forms
from tests import builders as b

pytestmark = pytest.mark.django_db


@pytest.fixture
def form():
    made = ProfileForm.objects.create(
        name="About you", slug="about", title="Tell us about you", thanks="300 are yours!"
    )
    for position, (attribute, kind, required) in enumerate(
        [
            ("birthday", "date", True),
            ("gender", "choice", True),
            ("attributes.pet", "choice", True),
            ("attributes.weight", "number", False),
            ("attributes.news", "flag", False),
            ("attributes.since", "date", False),
        ]
    ):
        ProfileQuestion.objects.create(
            form=made, attribute=attribute, kind=kind, required=required, words=f"{attribute}?", position=position,
            options="cat\ndog" if attribute == "attributes.pet" else "",
        )  # fmt: skip
    return made


def _path(form, person, days=7):
    until = timezone.now() + timedelta(days=days)
    return profile_forms.link(form.slug, person.pk, "run:1:a:1", until).removeprefix("http://testserver")


GOOD = {
    "birthday": "1990-05-31", "gender": "f", "attributes.pet": "cat", "attributes.weight": "4,5",
    "attributes.news": "yes", "attributes.since": "2020-02-29",
}  # fmt: skip


def test_what_the_client_tells_is_stored_and_told_once(client, form):
    anna = b.client()
    path = _path(form, anna)
    page = client.get(path).content.decode()
    assert "Tell us about you" in page
    assert "viewport" in page
    assert "<script" not in page
    for _ in range(2):
        answer = client.post(path, GOOD)
        assert (answer.status_code, "300 are yours!" in answer.content.decode()) == (200, True)
    anna.refresh_from_db()
    assert (anna.birthday, anna.gender) == (date(1990, 5, 31), "f")
    assert anna.attributes == {"pet": "cat", "weight": 4.5, "news": True, "since": "2020-02-29"}
    told = Event.objects.filter(client=anna, name__in=["customer.updated", "profile.filled"])
    assert sorted(told.values_list("name", flat=True)) == ["customer.updated", "profile.filled"]
    assert told.get(name="profile.filled").payload == {"form": "about"}


def test_what_is_known_is_neither_shown_nor_changed(client, form):
    anna = b.client(birthday=date(1980, 1, 2), attributes={"pet": "dog"})
    path = _path(form, anna)
    page = client.get(path).content.decode()
    assert "birthday?" not in page
    assert "pet?" not in page
    assert "1980" not in page
    assert client.post(path, GOOD).status_code == 200
    anna.refresh_from_db()
    assert (anna.birthday, anna.attributes["pet"], anna.gender) == (date(1980, 1, 2), "dog", "f")


def test_nothing_is_asked_of_whom_everything_is_known(client, form):
    anna = b.client(birthday=date(1980, 1, 2), gender="f")
    anna.attributes = {"pet": "dog", "weight": 0, "news": False, "since": "2020-01-01"}
    anna.save()
    assert "300 are yours!" in client.get(_path(form, anna)).content.decode()
    assert not Event.objects.filter(name="profile.filled").exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("birthday", "", "Please answer"),
        ("birthday", "1990-02-30", "not a birthday"),
        ("birthday", "1790-02-03", "not a birthday"),
        ("gender", "x", "choose one"),
        ("attributes.pet", "cow", "choose one"),
        ("attributes.weight", "heavy", "not a number"),
        ("attributes.weight", "NaN", "not a number"),
        ("attributes.weight", "1e400", "not a number"),
        ("attributes.news", "perhaps", "choose one"),
        ("attributes.since", "29.02.2020", "not a date"),
    ],
)
def test_a_wrong_answer_is_named_and_nothing_is_stored(client, form, field, value, words):
    anna = b.client()
    answer = client.post(_path(form, anna), GOOD | {field: value})
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    anna.refresh_from_db()
    assert (anna.birthday, anna.attributes) == (None, {})
    assert not Event.objects.filter(client=anna, name="customer.updated").exists()


def test_optional_answers_may_be_left_out(client, form):
    anna = b.client()
    needed = {name: GOOD[name] for name in ("birthday", "gender", "attributes.pet")}
    assert client.post(_path(form, anna), needed).status_code == 200
    anna.refresh_from_db()
    assert anna.attributes == {"pet": "cat"}


def test_forged_late_closed_and_erased(client, form):
    anna = b.client()
    path = _path(form, anna)
    assert client.get(path[:-2] + "x/").status_code == 403
    assert client.get(_path(form, anna, days=-1)).status_code == 410
    other = b.client(erased_at=timezone.now())
    assert client.get(_path(form, other)).status_code == 410
    form.active = False
    form.save()
    assert client.get(path).status_code == 410


def test_a_link_of_a_survey_is_none_of_a_form(client, form):
    path = _path(form, b.client())
    assert client.get(path.replace("/profile/", "/survey/")).status_code == 403


def test_a_merged_client_is_the_one_who_lives_on(client, form):
    old, new = b.client(), b.client()
    path = _path(form, old)
    merge.merge(guest=old.pk, into=new.pk, now=timezone.now())
    client.post(path, GOOD)
    new.refresh_from_db()
    assert new.gender == "f"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"attribute": "phone"}, "attribute"),
        ({"attribute": "attributes."}, "attribute"),
        ({"attribute": "attributes.pet", "kind": "choice", "options": "cat"}, "options"),
        ({"attribute": "attributes.pet", "kind": "choice", "options": "cat\ncat"}, "options"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(form, values, field):
    with pytest.raises(ValidationError) as refused:
        ProfileQuestion(form=form, words="?", **values).full_clean(exclude=["form"])
    assert field in refused.value.message_dict


def test_staff_make_a_form(admin_client):
    prefix = "questions"
    answer = admin_client.post(
        "/admin/loyalty/profileform/add/",
        {
            "name": "F", "slug": "f", "title": "F", "active": "on", f"{prefix}-TOTAL_FORMS": "1",
            f"{prefix}-INITIAL_FORMS": "0", f"{prefix}-0-words": "When were you born?",
            f"{prefix}-0-attribute": "birthday", f"{prefix}-0-kind": "text", f"{prefix}-0-position": "0",
            f"{prefix}-0-required": "on",
        },
    )  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    assert ProfileQuestion.objects.get().kind == "date"
