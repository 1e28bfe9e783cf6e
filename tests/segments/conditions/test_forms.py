"""Every type of condition can be chosen, edited and released (semantics §14, §43)."""

import json
from random import Random

import pytest
from django.forms import model_to_dict

from scenarios.engine import snapshot
from segments.admin.forms import CONDITION_FORMS
from segments.models import CONDITION_TYPES, Group
from segments.services import rules
from segments.services.evaluate import explain, matching
from tests.builders import NOW
from tests.segments.conditions import anything

pytestmark = pytest.mark.django_db

every_type = pytest.mark.parametrize("kind", CONDITION_TYPES)


def test_every_type_has_a_form():
    assert set(CONDITION_FORMS) == set(CONDITION_TYPES)


@every_type
def test_a_form_shows_every_column_and_keeps_what_it_was_given(kind):
    random = Random(kind.__name__)
    with anything.base(random, 1):
        form_class = CONDITION_FORMS[kind]
        shown = {name for row in form_class.layout for name in (row if isinstance(row, tuple) else (row,))}
        assert shown == set(form_class._meta.fields)
        assert set(form_class.shown_when) <= shown
        for _ in range(5):
            given = anything.condition(random, kind)
            said = {name: value for name, value in model_to_dict(given, shown).items() if value is not None}
            form = form_class(said)
            assert form.is_valid(), form.errors
            assert form.save(commit=False).sentence() == given.sentence()


@every_type
def test_nonsense_in_a_form_is_refused_by_field(kind):
    with anything.base(Random(1), 1):
        form = CONDITION_FORMS[kind](dict.fromkeys(CONDITION_FORMS[kind]._meta.fields, "\x00nonsense"))
        assert not form.is_valid()
        assert "__all__" not in form.errors


def test_a_release_keeps_what_every_type_says():
    random = Random(7)
    with anything.base(random, 4) as people:
        ids = [person.pk for person in people]
        tree = Group(mode="any")
        tree.attached_members = [anything.condition(random, kind) for kind in CONDITION_TYPES for _ in range(3)]
        stored = rules.load([rules.store(tree).pk]).popitem()[1]
        document = json.loads(json.dumps(snapshot.dump_conditions(stored), cls=snapshot.encoder))
        rebuilt = snapshot.load_conditions(document, snapshot.named_by(document))
        assert rebuilt.sentence() == tree.sentence()
        assert matching(rebuilt, ids, NOW) == matching(tree, ids, NOW)
        for pk in ids:
            assert [part.holds for part in explain(rebuilt, pk, NOW).parts] == [
                part.holds for part in explain(tree, pk, NOW).parts
            ]
