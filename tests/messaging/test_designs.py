"""Designs to begin an e-mail with: ready ones, and those that staff keep (semantics §25)."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse
from django.utils.translation import override

from messaging.models import Channel, ChannelContent, Design
from messaging.services import designs, hints, preview, wordings
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

PICKER = "admin:scenarios_sendmessage_designs"
KEEP = "admin:scenarios_sendmessage_keep_design"


@pytest.mark.parametrize("language", designs.LANGUAGES)
@pytest.mark.parametrize("slug", designs.READY)
def test_a_ready_design_can_be_sent_as_it_is(language, slug):
    subject = str(designs.READY[slug][1])
    content = ChannelContent(Channel.EMAIL, subject, "", designs.text(slug, language))
    assert wordings.wrong(content) == {}
    said = preview.write(content, [], b.client(first_name="", consent=False).pk, NOW).said
    assert "{{" not in said.html + said.body
    assert bool(re.search("[а-я]", said.html)) == (language == "ru")
    assert hints.hints(Channel.EMAIL, "marketing", said, 0) == []


@pytest.mark.parametrize(("language", "words"), [("ru", "Здравствуйте"), ("en", "Hello"), ("de", "Hello")])
def test_ready_designs_come_in_the_language_of_who_looks(language, words):
    with override(language):
        assert words in designs.text("welcome")
        assert len(designs.offered(NOW)) == 4


def _browser(*permissions: str) -> Browser:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser()
    browser.force_login(user)
    return browser


def test_the_choice_shows_own_designs_first_each_with_its_picture():
    Design.objects.create(name="Autumn", subject="S", body="<p>Hi {{ client.first_name }}</p>")
    Design.objects.create(name="Broken", body="{{ x }}")
    page = _browser("change_scenario").get(reverse(PICKER))
    names = [design.name for design in page.context["designs"]]
    assert names[:2] == ["Autumn", "Broken"]
    assert [design.own for design in page.context["designs"]] == [True, True, False, False, False, False]
    assert "Hi Anna" in page.context["designs"][0].thumbnail
    assert page.context["designs"][1].thumbnail == ""


def test_a_message_is_kept_as_a_design_and_kept_again_under_its_name():
    browser = _browser("change_scenario")
    for body in ("<p>1</p>", "<p>2</p>"):
        answer = browser.post(reverse(KEEP), {"name": "Autumn", "subject": "S", "body": body})
        assert answer.status_code == 200
    design = Design.objects.get()
    assert (design.name, design.subject, design.body) == ("Autumn", "S", "<p>2</p>")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "", "body": "<p>1</p>"}, "required"),
        ({"name": "A", "body": ""}, "required"),
        ({"name": "A", "body": "<p>{{ klient }}</p>"}, "line 1, column 7"),
        ({"name": "A", "body": "<mjml><mj-x/></mjml>"}, "mj-x"),
        ({"name": "A", "subject": "{{ x", "body": "<p>1</p>"}, "line 1"),
    ],
)
def test_what_could_not_be_sent_is_not_kept_and_named_with_its_place(said, words):
    answer = _browser("change_scenario").post(reverse(KEEP), said)
    assert (answer.status_code, words in answer.content.decode()) == (400, True)
    assert not Design.objects.exists()


def test_who_may_not_change_scenarios_sees_and_keeps_none():
    browser = _browser("view_scenario")
    assert browser.get(reverse(PICKER)).status_code == 403
    assert browser.post(reverse(KEEP), {"name": "A", "body": "<p>1</p>"}).status_code == 403


def test_the_page_of_a_design_shows_it(admin_client):
    design = Design.objects.create(name="Autumn", body="<p>Hi {{ client.first_name }}</p>")
    page = admin_client.get(reverse("admin:messaging_design_change", args=[design.pk])).content.decode()
    assert "Hi Anna" in page
    answer = admin_client.post(
        reverse("admin:messaging_design_change", args=[design.pk]), {"name": "Autumn", "body": "{{ klient }}"}
    )
    assert "line 1, column 4" in answer.content.decode()
