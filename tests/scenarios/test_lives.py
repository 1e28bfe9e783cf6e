"""Every mechanic lived: what its row promises happens to whom it must, once, and to nobody else, with the reason."""

import pytest

from scenarios.models import Branch, Scenario
from scenarios.services import draft, publish, tree
from tests.scenarios.lives import basket, days, newcomers, orders, programme, retention, shelf  # noqa: F401
from tests.scenarios.lives.life import LIVES, Life
from tests.scenarios.mechanics import MECHANICS
from tests.scenarios.test_mechanics import document_of, make_things

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", MECHANICS)
def test_a_mechanic_is_lived_from_the_trigger_to_its_end(name):
    make_things()

    def published(now):
        settings, triggers, steps = MECHANICS[name]
        document = document_of(triggers, steps)
        scenario = tree.create(Scenario(name=name, **settings))
        draft.write(
            scenario, Branch.objects.get(scenario=scenario, fork=None), document, draft.named_or_refuse(document)
        )
        publish.publish(scenario, None, now)
        return scenario

    life = Life(published)
    LIVES[name.split()[0]](life)

    once = life.sum()
    life.again()
    assert life.sum() == once
