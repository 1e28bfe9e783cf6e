"""The form of a message: its channels in order, each with a text of its own (semantics §22)."""

import pytest
from django.urls import reverse

from scenarios.models import SendMessage
from scenarios.services.publish import publish
from tests import builders as b
from tests.builders import NOW
from tests.messaging.test_whatsapp_templates import HX, template

pytestmark = pytest.mark.django_db

DATA = {
    "channel": "email",
    "topic": "marketing",
    "subject": "Hello",
    "body": "Hi",
    "channel_2": "sms",
    "body_2": "Hi by SMS",
    "fallback_on": "clicked",
    "fallback_amount": "2",
    "fallback_unit": "days",
}


def _post(admin_client, step, **changed):
    return admin_client.post(reverse("admin:scenarios_sendmessage_change", args=[step.pk]), DATA | changed)


def test_other_channels_are_saved_published_and_shown_again(admin_client):
    draft = b.scenario()
    step = b.email(b.trunk(draft))
    answer = _post(admin_client, step, channel_3="email", subject_3="x", body_3="y")
    assert "twice" in str(answer.context["adminform"].form.errors)

    assert _post(admin_client, step).status_code < 400
    step.refresh_from_db()
    assert step.fallbacks == [{"channel": "sms", "subject": "", "body": "Hi by SMS"}]
    assert (step.fallback_on, step.fallback_amount, step.fallback_unit) == ("clicked", 2, "days")
    assert step.sentence() == "e-mail → SMS: Hello"
    form = admin_client.get(reverse("admin:scenarios_sendmessage_change", args=[step.pk])).context["adminform"].form
    assert (form["channel_2"].value(), form["body_2"].value()) == ("sms", "Hi by SMS")
    release = publish(draft, None, NOW)
    assert release.snapshot["steps"][0]["fallbacks"] == step.fallbacks


def test_a_channel_is_taken_out_again(admin_client):
    step = b.email(b.trunk(b.scenario()), fallbacks=[{"channel": "sms", "subject": "", "body": "x"}])
    _post(admin_client, step, channel_2="", body_2="")
    assert SendMessage.objects.get().fallbacks == []


def test_a_text_that_cannot_be_read_is_named_with_its_channel(admin_client):
    step = b.email(b.trunk(b.scenario()))
    answer = _post(admin_client, step, body_2="{{ client.first_name")
    assert "2. SMS" in str(answer.context["adminform"].form.errors)


def test_a_later_e_mail_has_its_own_subject_and_formatted_text(admin_client):
    step = b.sms(b.trunk(b.scenario()))
    mjml = "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"
    second = {"channel_2": "email", "subject_2": "S", "body_2": "", "html_2": mjml}
    assert _post(admin_client, step, channel="sms", **second).status_code < 400
    step.refresh_from_db()
    assert step.fallbacks == [{"channel": "email", "subject": "S", "body": "", "html": mjml}]
    answer = _post(admin_client, step, channel="sms", **second | {"html_2": mjml.replace("mj-text", "mj-txt")})
    errors = str(answer.context["adminform"].form.errors)
    assert "2. E-mail" in errors
    assert "line 1, column 39" in errors


def test_a_template_brings_its_words_and_its_quick_replies(admin_client):
    template()
    step = b.email(b.trunk(b.scenario()))
    said = {"variables-name": ["1", "2", ""], "variables-text": ["{{ client.first_name }}", "чай", ""]}
    buttons = {"buttons-text": "Да", "buttons-kind": "reply", "buttons-url": "", "buttons-segment": ""}
    values = {"channel": "whatsapp", "template": HX, "body": "", "channel_2": "", "body_2": "", "html": "<p>old</p>"}
    _post(admin_client, step, **values, **said, **buttons | {"buttons-thanks": "Спасибо"})
    step.refresh_from_db()
    assert step.variables == {"1": "{{ client.first_name }}", "2": "чай"}
    assert (step.body, step.subject, step.html) == ("{{ client.first_name }}, ваша корзина ждёт: чай", "", "")
    assert step.buttons == [
        {"text": "Да", "kind": "reply", "thanks": "Спасибо"},
        {"text": "Нет", "kind": "reply"},
    ]


def test_a_later_channel_may_be_a_template(admin_client):
    template()
    step = b.email(b.trunk(b.scenario()))
    second = {"channel_2": "whatsapp", "template_2": HX, "variables_2-name": ["1", "2"]}
    answer = _post(admin_client, step, **second, **{"variables_2-text": ["", "чай"]})
    assert "its variables: 1" in str(answer.context["adminform"].form.errors)
    _post(admin_client, step, **second, **{"variables_2-text": ["{{ client.first_name }}", "чай"]})
    step.refresh_from_db()
    assert step.fallbacks[0]["variables"] == {"1": "{{ client.first_name }}", "2": "чай"}
    page = admin_client.get(reverse("admin:scenarios_sendmessage_change", args=[step.pk])).content.decode()
    assert 'value="{{ client.first_name }}"' in page


def test_what_a_channel_has_not_is_no_mistake_of_it(admin_client):
    step = b.email(b.trunk(b.scenario()))
    _post(admin_client, step, channel="sms", subject="{{ x }}", html="<mj", channel_2="", body_2="")
    step.refresh_from_db()
    assert (step.channel, step.subject, step.html) == ("sms", "", "")


def test_a_push_has_a_title(admin_client):
    step = b.email(b.trunk(b.scenario()))
    _post(admin_client, step, channel="push", subject="News", channel_2="", body_2="")
    step.refresh_from_db()
    assert (step.channel, step.subject, step.body) == ("push", "News", "Hi")
