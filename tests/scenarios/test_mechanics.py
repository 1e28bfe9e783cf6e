"""Every mechanic of the acceptance list is expressed without code: written as a draft, found sound, published."""

import os

import pytest
from django.contrib.auth.models import User

from loyalty.models import ProfileForm, ReferralRules, Survey, SurveyQuestion
from scenarios.engine import snapshot
from scenarios.keys import new_key
from scenarios.models import Branch, Scenario, WebhookEndpoint
from scenarios.services import checks, draft, publish, transfer, tree
from tests import builders as b
from tests.builders import NOW
from tests.scenarios import mechanics_table
from tests.scenarios.emptying import emptied
from tests.scenarios.mechanics import MECHANICS

T_ROWS = {f"T{number:02}" for number in range(1, 59)}


def _keyed(rows):
    """Parts get the keys that the editor would give them."""
    for row in rows:
        row = {"key": new_key()} | row
        if "branches" in row:
            row["branches"] = [way | {"key": new_key(), "steps": list(_keyed(way["steps"]))} for way in row["branches"]]
        yield row


def document_of(triggers, steps):
    """A mechanic as a document, in the form of releases."""
    return {"format": 1, "settings": {}, "triggers": list(_keyed(triggers)), "steps": list(_keyed(steps))}


def make_things():
    """What the mechanics name: segments, a pool of codes, a survey, a chain, another system."""
    for slug in ("fans", "gone", "seasonal", "players", "winners"):
        b.segment(slug)
    b.promo_pool(codes=5, name="codes", slug="codes")
    survey = Survey.objects.create(name="Why?", slug="leaving", title="Why?")
    SurveyQuestion.objects.create(survey=survey, key="score", kind="nps", words="Would you recommend us?")
    ReferralRules.objects.create(pk=1, active=True, referrer_amount=500)
    ProfileForm.objects.create(name="About you", slug="about", title="About you").questions.create(
        attribute="birthday", words="When were you born?", kind="date"
    )
    User.objects.create(username="boss", email="boss@example.com", is_superuser=True, is_staff=True)
    WebhookEndpoint.objects.create(name="Club", slug="club", url="https://club.example/hook")
    chain = b.chain(slug="series")
    Scenario.objects.filter(pk=chain.pk).update(name="series")
    chain.refresh_from_db()
    b.email(b.trunk(chain))
    b.live(chain)


@pytest.fixture
def things(db):
    make_things()


def test_the_page_tells_every_mechanic_as_it_is_built(things):
    rows = []
    for name, (settings, triggers, steps) in MECHANICS.items():
        document = document_of(triggers, steps)
        scenario = tree.create(Scenario(name=name, **settings))
        draft.write(
            scenario, Branch.objects.get(scenario=scenario, fork=None), document, draft.named_or_refuse(document)
        )
        rows.append(mechanics_table.row(name, settings, snapshot.dump(scenario)))
    if os.environ.get("MECHANICS_TABLE") == "write":
        mechanics_table.write(rows)
    assert mechanics_table.written() == rows


def test_whatever_a_mechanic_names_comes_through_a_file_into_an_empty_installation(things):
    """Every mechanic is taken along as a file and says the same where nothing of it was known."""
    texts, said = {}, {}
    for name, (settings, triggers, steps) in MECHANICS.items():
        document = document_of(triggers, steps)
        scenario = tree.create(Scenario(name=name, **settings))
        draft.write(
            scenario, Branch.objects.get(scenario=scenario, fork=None), document, draft.named_or_refuse(document)
        )
        scenario.refresh_from_db()
        texts[name], said[name] = transfer.export(scenario), publish.draft_document(scenario)
    texts["series"] = transfer.export(Scenario.objects.get(slug="series"))
    emptied()

    for text in texts.values():
        transfer.import_file(text, NOW)

    for name, document in said.items():
        made = Scenario.objects.get(name=name)
        assert publish.draft_document(made) == document
        assert [finding.words for finding in checks.findings(made, snapshot.dump(made), NOW) if finding.blocks] == []
    assert Scenario.objects.count() == len(texts)
    assert publish.publish(Scenario.objects.get(slug="series"), None, NOW).number == 1


def test_every_row_of_the_list_is_here():
    assert T_ROWS <= {name.split()[0] for name in MECHANICS}


@pytest.mark.parametrize("name", MECHANICS)
def test_a_mechanic_is_built_checked_and_published_without_code(name, things):
    settings, triggers, steps = MECHANICS[name]
    document = document_of(triggers, steps)
    scenario = tree.create(Scenario(name=name, **settings))
    draft.write(scenario, Branch.objects.get(scenario=scenario, fork=None), document, draft.named_or_refuse(document))

    found = checks.findings(scenario, snapshot.dump(scenario), NOW)
    assert [finding.words for finding in found] == []
    assert publish.publish(scenario, None, NOW).number == 1
