"""The staff's pages of quests, gifts and accesses."""

import pytest
from django.urls import reverse

from loyalty.models import AccessGrant, Quest, QuestProgress
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

QUEST = {
    "name": "Spring",
    "slug": "spring",
    "measure": "sum",
    "target": "5000.50",
    "starts_at_0": "2026-03-01",
    "starts_at_1": "00:00",
    "ends_at_0": "2026-04-01",
    "ends_at_1": "00:00",
    "reward": "200",
    "active": "on",
}


def test_a_quest_is_saved_with_its_sum_in_major_units_and_counted_anew(admin_client):
    assert admin_client.post(reverse("admin:loyalty_quest_add"), QUEST).status_code == 302
    quest = Quest.objects.get()
    assert quest.target == 500_050
    Quest.objects.update(counted_at=NOW)
    url = reverse("admin:loyalty_quest_change", args=[quest.pk])
    assert "5000.50" in admin_client.get(url).content.decode()
    admin_client.post(url, QUEST | {"measure": "orders", "target": "4"})
    quest.refresh_from_db()
    assert (quest.target, quest.counted_at) == (4, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"measure": "orders", "target": "2.5"},
        {"target": "0"},
        {"target": "1.005"},
        {"ends_at_0": "2026-02-01"},
        {"reward": "0"},
    ],
)
def test_a_quest_that_makes_no_sense_is_refused(admin_client, wrong):
    assert admin_client.post(reverse("admin:loyalty_quest_add"), QUEST | wrong).status_code == 200
    assert not Quest.objects.exists()


def test_progress_is_shown_for_the_quest_and_for_each_client(admin_client):
    admin_client.post(reverse("admin:loyalty_quest_add"), QUEST | {"measure": "orders", "target": "4"})
    anna = b.client()
    QuestProgress.objects.create(quest=Quest.objects.get(), client=anna, value=3, changed_at=NOW)
    assert "0 / 1" in admin_client.get(reverse("admin:loyalty_quest_changelist")).content.decode()
    page = admin_client.get(reverse("admin:loyalty_questprogress_changelist"), {"q": anna.phone}).content.decode()
    assert "3 / 4" in page


def test_an_access_is_granted_found_and_revoked(admin_client):
    anna = b.client()
    data = {"client": anna.pk, "kind": "access", "name": "Club", "code": "", "link": "", "reason": "VIP"}
    assert admin_client.post(reverse("admin:loyalty_accessgrant_add"), data).status_code == 302
    made = AccessGrant.objects.get()
    url = reverse("admin:loyalty_accessgrant_changelist")
    for text in (made.code.lower(), anna.email):
        assert made.code in admin_client.get(url, {"q": text}).content.decode()
    assert admin_client.get(reverse("admin:loyalty_accessgrant_change", args=[made.pk])).status_code == 200
    admin_client.post(url, {"action": "revoke", "_selected_action": [made.pk]})
    made.refresh_from_db()
    assert made.revoked
    again = admin_client.post(reverse("admin:loyalty_accessgrant_add"), data | {"code": made.code})
    assert again.status_code == 200
    past = data | {"ends_at_0": "2020-01-01", "ends_at_1": "00:00"}
    assert admin_client.post(reverse("admin:loyalty_accessgrant_add"), past).status_code == 200
    assert AccessGrant.objects.count() == 1
