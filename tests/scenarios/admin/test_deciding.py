"""What staff decide about a running scenario: the winner of a split, and who may enter once more."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse

from scenarios.models import Again, SplitWinner
from tests import builders as b

pytestmark = pytest.mark.django_db


@pytest.fixture
def split():
    draft = b.scenario(goal_event="order.paid")
    step, ways = b.split(b.trunk(draft), 1, 1)
    for way in ways:
        b.email(way)
    return b.live(draft), step, ways


def _decide(browser, scenario, name, /, **values):
    return browser.post(reverse(f"admin:scenarios_scenario_{name}", args=[scenario.pk]), values, follow=True)


class TestWinner:
    def test_it_is_chosen_and_forgotten_on_the_page_of_results(self, admin_client, split):
        scenario, step, (first, second) = split
        page = _decide(admin_client, scenario, "winner", step=step.key, branch=second.key).content.decode()
        winner = SplitWinner.objects.get()
        assert (winner.branch, winner.author.username, winner.confidence) == (second.key, "admin", None)
        assert "Everybody takes «B» since" in page
        assert f'value="{first.key}"' in page
        assert f'value="{second.key}"' not in page

        page = _decide(admin_client, scenario, "winner", step=step.key, branch="").content.decode()
        assert not SplitWinner.objects.exists()
        assert "Draw again" not in page
        assert len(LogEntry.objects.filter(object_id=scenario.pk, change_message__contains="plit")) == 2

    def test_a_branch_or_a_step_that_is_not_there_is_refused(self, admin_client, split):
        scenario, step, _ = split
        assert _decide(admin_client, scenario, "winner", step=step.key, branch="no").status_code == 404
        assert _decide(admin_client, scenario, "winner", step="no", branch="").status_code == 404

    def test_whoever_may_not_publish_may_not_decide(self, client, split):
        client.force_login(User.objects.create_user("reader", is_staff=True))
        scenario, step, (first, _) = split
        assert _decide(client, scenario, "winner", step=step.key, branch=first.key).status_code == 403
        assert _decide(client, scenario, "again", client=b.client().pk).status_code == 403
        assert not SplitWinner.objects.exists()


class TestAgain:
    def test_a_chain_may_be_entered_again_and_the_history_says_who_allowed_it(self, admin_client):
        chain, anna = b.chain(), b.client()
        b.email(b.trunk(chain))
        b.live(chain)
        page = _decide(admin_client, chain, "again", client=anna.pk).content.decode()
        given = Again.objects.get(scenario=chain, client=anna)
        assert (given.times, given.author.username) == (1, "admin")
        assert "Allowed to enter again, times: 1" in page
        assert f"#{anna.pk}" in LogEntry.objects.get(object_id=chain.pk).change_message

    def test_what_is_entered_any_number_of_times_offers_nothing(self, admin_client):
        scenario, anna = b.scenario(), b.client()
        b.email(b.trunk(scenario))
        b.live(scenario)
        page = _decide(admin_client, scenario, "again", client=anna.pk).content.decode()
        assert "may enter this scenario again anyway" in page
        assert "Allow to enter again" not in page
        assert not Again.objects.exists()


def test_chains_have_a_list_of_their_own_with_their_short_names(admin_client):
    chain, scenario = b.chain(slug="hello-series"), b.scenario(name="No chain")
    page = admin_client.get(reverse("admin:scenarios_scenario_changelist") + "?tab=chains").content.decode()
    assert chain.slug in page
    assert scenario.name not in page


def test_the_page_that_asks_before_publishing_has_its_style_when_opened_directly(admin_client, split):
    page = admin_client.get(reverse("admin:scenarios_scenario_verb", args=[split[0].pk, "publish"])).content.decode()
    assert "scenarios/map.css" in page
    assert "segments/drawer.css" in page


@pytest.mark.parametrize(("day", "words"), [("yesterday", "is not a day"), ("2999-01-01", "is yet to come")])
def test_results_of_a_day_that_cannot_be_are_not_counted(day, words):
    with pytest.raises(CommandError, match=words):
        call_command("recount_results", "--from", day)
