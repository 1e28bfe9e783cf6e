"""Every mechanic of the acceptance list is expressed without code: written as a draft, found sound, published."""

import pytest
from django.contrib.auth.models import User

from loyalty.models import ReferralRules, Survey, SurveyQuestion
from scenarios.engine import snapshot
from scenarios.keys import new_key
from scenarios.models import Branch, Scenario, WebhookEndpoint
from scenarios.services import checks, draft, publish, tree
from tests import builders as b
from tests.builders import NOW
from tests.scenarios.mechanics import MECHANICS

T_ROWS = {f"T{number:02}" for number in range(1, 59)}


def _keyed(rows):
    """Parts get the keys that the editor would give them."""
    for row in rows:
        row = {"key": new_key()} | row
        if "branches" in row:
            row["branches"] = [way | {"key": new_key(), "steps": list(_keyed(way["steps"]))} for way in row["branches"]]
        yield row


@pytest.fixture
def things(db):
    """What the mechanics name: segments, a pool of codes, a survey, a chain, another system."""
    for slug in ("fans", "gone", "seasonal"):
        b.segment(slug)
    b.promo_pool(codes=5, name="codes", slug="codes")
    survey = Survey.objects.create(name="Why?", slug="leaving")
    SurveyQuestion.objects.create(survey=survey, key="score", kind="nps", words="Would you recommend us?")
    ReferralRules.objects.create(pk=1, active=True, referrer_amount=500)
    User.objects.create_superuser("boss", "boss@example.com", "x")
    WebhookEndpoint.objects.create(name="Club", slug="club", url="https://club.example/hook")
    chain = b.chain(slug="series")
    b.email(b.trunk(chain))
    b.live(chain)


def test_every_row_of_the_list_is_here():
    assert T_ROWS <= {name.split()[0] for name in MECHANICS}


@pytest.mark.parametrize("name", MECHANICS)
def test_a_mechanic_is_built_checked_and_published_without_code(name, things):
    settings, triggers, steps = MECHANICS[name]
    document = {"format": 1, "settings": {}, "triggers": list(_keyed(triggers)), "steps": list(_keyed(steps))}
    scenario = tree.create(Scenario(name=name, **settings))
    draft.write(scenario, Branch.objects.get(scenario=scenario, fork=None), document, draft.named_or_refuse(document))

    found = checks.findings(scenario, snapshot.dump(scenario), NOW)
    assert [finding.words for finding in found] == []
    assert publish.publish(scenario, None, NOW).number == 1
