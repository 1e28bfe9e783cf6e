"""Setting attributes: constants and expressions over variables; seen by what follows."""

import pytest
from django.core.exceptions import ValidationError

from loyalty.models import Event
from messaging.models import Message
from scenarios.engine.advance import advance_due
from scenarios.engine.listen import read_events
from scenarios.models import RunLog, SetClientAttribute
from scenarios.steps.set_attribute import read
from tests import builders as b
from tests.builders import NOW


def _run(person, *steps, body="{{ client.attributes.visits | default: 'none' }}"):
    draft, shop = b.scenario(), b.source()
    trunk = b.trunk(draft)
    for values in steps:
        b.add(SetClientAttribute, trunk, **{"attribute": "visits", "kind": "number"} | values)
    b.sms(trunk, body=body)
    b.live(draft)
    b.record_event(shop, "order.created", person)
    read_events(NOW)
    advance_due(NOW)
    person.refresh_from_db()
    return person.attributes


@pytest.mark.django_db
class TestTheEngine:
    def test_a_value_is_set_told_and_seen_by_the_text_below(self):
        anna = b.client(attributes={"size": "M"})
        assert _run(anna, {"value": "3"}) == {"size": "M", "visits": 3}
        assert Message.objects.get().body == "3"
        event = Event.objects.get(name="customer.updated")
        assert (event.client, event.payload["changed"], event.depth) == (anna, ["attributes.visits"], 1)

    @pytest.mark.parametrize(("before", "after"), [({"visits": 2}, 4), ({}, 2), ({"visits": "many"}, 2)])
    def test_a_number_is_added_to_also_twice_in_one_batch(self, before, after):
        assert _run(b.client(attributes=before), *[{"action": "add", "value": "1"}] * 2) == {"visits": after}

    @pytest.mark.parametrize(("before", "after"), [({"visits": 4}, 9), ({}, 1)])
    def test_an_expression_reads_variables(self, before, after):
        value = "{{ client.attributes.visits | default: 0 | times: 2 | plus: 1 }}"
        assert _run(b.client(attributes=before), {"value": value}) == {"visits": after}

    def test_clearing_takes_it_away(self):
        assert _run(b.client(attributes={"visits": 4}), {"action": "clear"}) == {}
        assert Message.objects.get().body == "none"

    def test_what_cannot_be_read_changes_nothing_and_the_log_says_so(self):
        value = "{{ client.first_name }}"
        assert _run(b.client(), {"value": value}) == {}
        line = RunLog.objects.get(step_type="SetClientAttribute")
        assert (line.reason, line.detail) == ("bad_value", "Anna")


@pytest.mark.parametrize(
    ("said", "kind", "value"),
    [
        ("5", "number", 5), ("2,5", "number", 2.5), ("1e99", "number", None), ("NaN", "number", None),
        ("2026-12-31", "date", "2026-12-31"), ("2026-12-31T10:00:00Z", "date", "2026-12-31"), ("soon", "date", None),
        ("Да", "yes_no", True), ("0", "yes_no", False), ("maybe", "yes_no", None), ("a b", "text", "a b"),
    ],
)  # fmt: skip
def test_a_text_is_read_as_its_kind(said, kind, value):
    assert read(said, kind) == value


def test_what_makes_no_sense_is_refused():
    for values in ({"value": ""}, {"value": "{{ nobody.knows }}"}, {"kind": "number", "value": "five"},
                   {"action": "add", "value": "five"}):  # fmt: skip
        with pytest.raises(ValidationError) as wrong:
            SetClientAttribute(attribute="x", **values).clean()
        assert list(wrong.value.message_dict) == ["value"]
