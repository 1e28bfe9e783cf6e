"""The rules of messages in the admin: topics, quiet hours, caps, pause dates."""

from datetime import date, time

import pytest
from django.urls import reverse

from messaging.models import FrequencyCap, PauseDate, SendWindow, Topic
from tests import builders as b

pytestmark = pytest.mark.django_db


def _post(admin_client, name, pk=None, /, **data):
    url = reverse(f"admin:messaging_{name}_{'change' if pk else 'add'}", args=[pk] if pk else [])
    return admin_client.post(url, data)


@pytest.mark.parametrize("name", ["topic", "sendwindow", "frequencycap", "pausedate"])
def test_every_list_and_form_opens(admin_client, name):
    SendWindow.objects.create(weekdays=[1, 2])
    FrequencyCap.objects.create(channel="sms", topic="marketing", limit=3, hours=168)
    PauseDate.objects.create(name="Mourning", first=date(2026, 3, 1), last=date(2026, 3, 2))
    answer = admin_client.get(reverse(f"admin:messaging_{name}_changelist"))
    assert answer.status_code == 200
    assert admin_client.get(reverse(f"admin:messaging_{name}_add")).status_code == 200
    for row in answer.context["cl"].result_list:
        assert admin_client.get(reverse(f"admin:messaging_{name}_change", args=[row.pk])).status_code == 200


def test_hours_of_all_channels_are_set_once(admin_client):
    data = {"channel": "", "weekdays": ["1", "5"], "opens": "10:00", "closes": "20:00", "outside": "defer"}
    answer = _post(admin_client, "sendwindow", **data, spread_minutes="30")
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    window = SendWindow.objects.get()
    assert (window.channel, window.weekdays, window.opens, window.spread_minutes) == ("", [1, 5], time(10), 30)
    answer = _post(admin_client, "sendwindow", **data, spread_minutes="30")
    assert "channel" in answer.context["adminform"].form.errors


def test_a_cap_is_about_marketing_only(admin_client):
    data = {"channel": "", "topic": "marketing", "limit": "2", "hours": "24", "defer_hours": "12"}
    assert _post(admin_client, "frequencycap", **data).status_code == 302
    answer = _post(admin_client, "frequencycap", **(data | {"topic": "service"}))
    assert "topic" in answer.context["adminform"].form.errors
    answer = _post(admin_client, "frequencycap", **(data | {"hours": "7", "limit": "0"}))
    assert "limit" in answer.context["adminform"].form.errors


def test_pause_dates_end_after_they_begin(admin_client):
    data = {"name": "Mourning", "first": "2026-03-02", "last": "2026-03-01", "marketing": "skip"}
    assert "last" in _post(admin_client, "pausedate", **data).context["adminform"].form.errors
    assert _post(admin_client, "pausedate", **(data | {"last": "2026-03-02"})).status_code == 302


def test_a_topic_of_the_shop_is_made_and_offered_in_the_form_of_a_message(admin_client):
    data = {"name": "Weekly digest", "slug": "digest", "kind": "marketing", "consent": "required"}
    assert _post(admin_client, "topic", **data).status_code == 302
    answer = _post(admin_client, "topic", **(data | {"slug": "ads", "consent": "none"}))
    assert "consent" in answer.context["adminform"].form.errors
    draft = b.scenario()
    form = admin_client.get(reverse("admin:scenarios_sendmessage_add"), {"branch": b.trunk(draft).pk})
    choices = dict(form.context["adminform"].form.fields["topic"].choices)
    assert choices["digest"] == "Weekly digest — only to those who agreed"
    assert "exempt" in choices["service"]


def test_the_code_of_a_topic_stays_and_the_platforms_own_cannot_be_deleted(admin_client):
    marketing = Topic.objects.get(slug="marketing")
    _post(admin_client, "topic", marketing.pk, name="News", slug="other", kind="marketing", consent="required")
    marketing.refresh_from_db()
    assert (marketing.name, marketing.slug) == ("News", "marketing")
    delete = reverse("admin:messaging_topic_delete", args=[marketing.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
