"""Triggers on what became of a client: each starts at its own event and at no other, and says itself."""

from datetime import timedelta

import pytest
from django.db.models import ProtectedError

from loyalty.services import stream
from scenarios.engine.listen import read_events
from scenarios.models import (
    GeofenceTrigger,
    LevelTrigger,
    ManualTrigger,
    MessageTrigger,
    QuestTrigger,
    RfmTrigger,
    RunLog,
    SegmentTrigger,
)
from scenarios.services import publish
from segments.services import membership
from tests import builders as b
from tests.builders import NOW
from tests.scenarios.triggers.timed import entered, started_by

pytestmark = pytest.mark.django_db

UP = {"from": "Silver", "to": "Gold", "direction": "up"}
DOWN = {"from": "Gold", "to": "Silver", "direction": "down"}
QUEST = {"quest": "tea", "left": 2, "left_percent": 40}
MONEY = {"quest": "sum", "left": "150.50", "left_percent": 15, "currency": "RUB"}
CLICK = {"message": 77, "scenario": 5, "step": "abc", "channel": "email"}
MOVED = {"from": "loyal", "to": "at_risk"}
NEAR = {"store": "arbat", "open": True}


def _told(name, payload, at=NOW, now=NOW):
    """An event of this platform about a new client, read; the client."""
    who = b.client()
    fact = b.happened(None, name, at, payload=payload)
    stream.append(stream.platform(), [fact], [who.pk], at)
    read_events(now)
    return who


@pytest.mark.parametrize(
    ("kind", "values", "name", "payload", "occurrence"),
    [
        (LevelTrigger, {}, "level.changed", UP, "event"),
        (LevelTrigger, {}, "level.changed", DOWN, None),
        (LevelTrigger, {"direction": "down"}, "level.changed", DOWN, "event"),
        (LevelTrigger, {"direction": "any"}, "level.changed", DOWN, "event"),
        (LevelTrigger, {"to": "gold"}, "level.changed", UP, "event"),
        (LevelTrigger, {"to": "Platinum"}, "level.changed", UP, None),
        (QuestTrigger, {"left": 2}, "quest.progress", QUEST, "quest:tea"),
        (QuestTrigger, {"left": 1}, "quest.progress", QUEST, None),
        (QuestTrigger, {"left": None, "left_percent": 40}, "quest.progress", QUEST, "quest:tea"),
        (QuestTrigger, {"left": None, "left_percent": 39}, "quest.progress", QUEST, None),
        (QuestTrigger, {"left": "150.50", "left_percent": None}, "quest.progress", MONEY, "quest:sum"),
        (QuestTrigger, {"left": 150, "left_percent": None}, "quest.progress", MONEY, None),
        (QuestTrigger, {"quest": "coffee", "left": 9}, "quest.progress", QUEST, None),
        (MessageTrigger, {}, "message.clicked", CLICK, "clicked:77"),
        (MessageTrigger, {}, "message.opened", CLICK, None),
        (MessageTrigger, {"deed": "message.opened", "channel": "email"}, "message.opened", CLICK, "opened:77"),
        (MessageTrigger, {"channel": "sms"}, "message.clicked", CLICK, None),
        (MessageTrigger, {"of_step": "abc"}, "message.clicked", CLICK, "clicked:77"),
        (MessageTrigger, {"of_step": "xyz"}, "message.clicked", CLICK, None),
        (RfmTrigger, {}, "rfm.changed", MOVED, "event"),
        (RfmTrigger, {"to_groups": ["at_risk", "hibernating"]}, "rfm.changed", MOVED, "event"),
        (RfmTrigger, {"to_groups": ["champions"]}, "rfm.changed", MOVED, None),
        (RfmTrigger, {"from_groups": ["loyal"]}, "rfm.changed", MOVED, "event"),
        (RfmTrigger, {"from_groups": ["new"], "to_groups": ["at_risk"]}, "rfm.changed", MOVED, None),
        (GeofenceTrigger, {}, "geofence.entered", NEAR, "event"),
        (GeofenceTrigger, {"store": "arbat"}, "geofence.entered", NEAR, "event"),
        (GeofenceTrigger, {"store": "neva"}, "geofence.entered", NEAR, None),
        (GeofenceTrigger, {"open_only": False}, "geofence.entered", NEAR | {"open": False}, "event"),
    ],
)
def test_it_starts_at_its_own_event_alone(kind, values, name, payload, occurrence):
    started_by(kind, NOW, **values)
    who = _told(name, payload)
    assert [client for client, _ in entered()] == ([who.pk] if occurrence else [])
    if occurrence and occurrence != "event":
        assert entered()[0][1] == occurrence


def test_a_message_of_another_scenario():
    offers, others = b.scenario(name="Offers"), b.scenario(name="Others")
    trigger = started_by(MessageTrigger, NOW, of_scenario=offers, of_step="abc")
    (said,) = [str(one) for one in trigger.triggers.all()]
    assert said == "When a link in a message is clicked (scenario «Offers», step abc)"
    _told("message.clicked", CLICK | {"scenario": others.pk})
    who = _told("message.clicked", CLICK | {"scenario": offers.pk})
    assert entered() == [(who.pk, "clicked:77")]
    with pytest.raises(ProtectedError):
        offers.delete()


def test_a_quest_is_announced_once():
    started_by(QuestTrigger, NOW, left=5, parallel=True)
    who = b.client()
    for left in (3, 2, 1):
        fact = b.happened(None, "quest.progress", payload={"quest": "tea", "left": left})
        stream.append(stream.platform(), [fact], [who.pk], NOW)
        read_events(NOW)
    assert entered() == [(who.pk, "quest:tea")]


@pytest.mark.parametrize(("minutes", "payload", "reason"), [
    (120, NEAR, None), (121, NEAR, "too_late"), (0, NEAR | {"open": False}, "store_closed"),
])  # fmt: skip
def test_near_a_store_but_too_late_or_when_it_is_closed(minutes, payload, reason):
    started_by(GeofenceTrigger, NOW)
    _told("geofence.entered", payload, NOW, NOW + timedelta(minutes=minutes))
    assert bool(entered()) is (reason is None)
    assert list(RunLog.objects.filter(kind="refused").values_list("reason", flat=True)) == ([reason] if reason else [])


@pytest.mark.parametrize("move", ["segment.entered", "segment.left"])
def test_a_segment_entered_or_left(move):
    fans, others, anna = b.segment(), b.segment(), b.client()
    started_by(SegmentTrigger, NOW, move=move, segment=fans, parallel=True)
    for segment in (others, fans):
        membership.add(segment.pk, {anna.pk: 0}, NOW)
        membership.remove(segment.pk, {anna.pk: 0}, NOW)
    read_events(NOW)
    assert [client for client, _ in entered()] == [anna.pk]


def test_a_scenario_that_only_people_start_can_be_published():
    draft = b.scenario()
    draft.triggers.all().delete()
    ManualTrigger.objects.create(scenario=draft)
    b.wait(b.trunk(draft))
    assert publish.publish(draft, None, NOW).number == 1


@pytest.mark.parametrize(
    ("trigger", "sentence"),
    [
        (LevelTrigger(), "When the level goes up"),
        (LevelTrigger(direction="any", to="Gold"), "When the level changes: «Gold»"),
        (QuestTrigger(left=2), "When no more than 2 or 20 % is left of a quest"),
        (QuestTrigger(quest="tea"), "When no more than 20 % is left of quest «tea»"),
        (MessageTrigger(channel="email", of_step="abc"), "When a link in a message is clicked (e-mail, step abc)"),
        (RfmTrigger(to_groups=["at_risk"]), "When the RFM group becomes «At risk»"),
        (RfmTrigger(from_groups=["new"], to_groups=["loyal"]), "When the RFM group changes from «New» to «Loyal»"),
        (GeofenceTrigger(store="arbat"), "On coming near store «arbat», while it is open"),
        (ManualTrigger(), "By hand or through the API"),
    ],
)
def test_it_says_itself(trigger, sentence):
    assert trigger.sentence() == sentence
