"""The programme in the admin: rules, levels, and the example order that explains them."""

import django_rq
import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.urls import reverse
from django.utils.module_loading import import_string

from loyalty.models import AccrualRule, BonusOperation, ClientLevel, Level, LevelChange, Order, Programme
from loyalty.services.events import record
from tests import builders as b
from tests.builders import NOW
from tests.loyalty.services.test_purchases import line, paid

pytestmark = pytest.mark.django_db

EXAMPLE = "admin:loyalty_programme_example"


def _rule(**values):
    empty = ("percent", "bonuses", "per", "factor", "brands", "from_time", "to_time", "pending_days", "lifetime_days")
    times = ("starts_at_0", "starts_at_1", "ends_at_0", "ends_at_1")
    data = dict.fromkeys((*empty, *times), "")
    return data | {"name": "Friday", "active": "on", "kind": "percent", "priority": "0", "min_order": "0"} | values


@pytest.mark.parametrize("name", ["accrualrule", "level", "levelchange", "category"])
def test_every_list_and_form_opens(admin_client, name):
    b.level("Base", 0)
    b.percent_rule(5)
    record(b.source(), [paid(lines=[line(category="Food")])], NOW)
    LevelChange.objects.create(client=Order.objects.get().client, to_name="Base", up=True, measure=1, at=NOW)
    answer = admin_client.get(reverse(f"admin:loyalty_{name}_changelist"))
    assert answer.status_code == 200
    for row in answer.context["cl"].result_list:
        assert admin_client.get(reverse(f"admin:loyalty_{name}_change", args=[row.pk])).status_code == 200


def test_a_rule_is_made_by_hand(admin_client):
    data = _rule(percent="7.5", weekdays=["4"], from_time="18:00", to_time="20:00")
    answer = admin_client.post(reverse("admin:loyalty_accrualrule_add"), data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    rule = AccrualRule.objects.get()
    assert (rule.weekdays, str(rule.percent)) == ([4], "7.500")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"percent": ""}, "percent"),
        ({"kind": "steps", "bonuses": "1"}, "per"),
        ({"kind": "factor"}, "factor"),
        ({"percent": "-1"}, "percent"),
        ({"percent": "5", "from_time": "18:00"}, "to_time"),
        ({"percent": "5", "weekdays": ["9"]}, "weekdays"),
    ],
)
def test_a_rule_that_lacks_something_is_refused_at_its_field(admin_client, values, field):
    answer = admin_client.post(reverse("admin:loyalty_accrualrule_add"), _rule(**values))
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert not AccrualRule.objects.exists()


def test_the_programme_is_edited(admin_client):
    url = reverse("admin:loyalty_programme_change", args=[b.programme().pk])
    page = admin_client.get(url)
    data = {key: "" if value is None else value for key, value in page.context["adminform"].form.initial.items()}
    data |= {"max_share": "45", "unpayable_categories": [], "unpayable_products": []}
    answer = admin_client.post(url, data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert Programme.objects.get().max_share == 45


def test_a_changed_level_measures_everybody_again(admin_client, valkey, django_capture_on_commit_callbacks):
    record(b.source(), [paid()], NOW)
    level = b.level("Base", 0)
    url = reverse("admin:loyalty_level_change", args=[level.pk])
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(url, {"name": "Begin", "threshold": "0", "percent": "1"})
    (job,) = django_rq.get_queue("default").jobs
    import_string(job.func_name)()
    assert ClientLevel.objects.get().level.name == "Begin"


def test_a_level_with_clients_is_not_deleted(admin_client):
    level = b.level("Base", 0)
    ClientLevel.objects.create(client=b.client(), level=level, since=NOW)
    answer = admin_client.post(reverse("admin:loyalty_level_delete", args=[level.pk]), {"post": "yes"})
    assert answer.status_code == 403
    assert Level.objects.exists()


class TestExample:
    def test_it_opens_with_an_order_already_counted(self, admin_client):
        b.percent_rule(5, name="Cashback")
        page = admin_client.get(reverse(EXAMPLE))
        assert page.context["shown"]["earned"] == "50"
        assert "Cashback: 50.00" in page.content.decode()

    def test_it_gives_every_rule_its_reason_line_by_line(self, admin_client):
        record(b.source(), [paid(lines=[line(category="Food")], triggers=False)], NOW)
        b.level("Base", 0, 5)
        gold = b.level("Gold", 1000, 10)
        b.programme(max_share=50)
        b.rule(name="Cashback", kind="level")
        double = b.factor_rule(2, name="Double food", categories=["Food"])
        b.percent_rule(99, name="Draft", active=False)
        food = double.categories.get().pk
        data = {"price1": "100", "category1": food, "price2": "100", "level": gold.pk, "available": "500"}
        page = admin_client.get(reverse(EXAMPLE), data)
        shown = page.context["shown"]
        assert (shown["earned"], shown["spent"], shown["to_pay"]) == ("15", "100", "100.00 RUB")
        first, second = shown["lines"]
        assert (first["parts"], first["factors"]) == ([("Cashback", "10.00")], [("Double food", "2")])
        assert second["refused"] == [("Double food", "not for these goods")]
        with_drafts = admin_client.get(reverse(EXAMPLE), data | {"drafts": "on"}).context["shown"]
        assert with_drafts["earned"] == "163"  # 50 × (10 % + 99 %) × 2 + 50 × (10 % + 99 %) = 163.5
        assert not BonusOperation.objects.exists()

    @pytest.mark.parametrize("data", [{"price1": "many"}, {"price1": "-1"}, {"price1": "1", "at": "tomorrow"}])
    def test_a_wrong_example_is_told_apart(self, admin_client, data):
        page = admin_client.get(reverse(EXAMPLE), data)
        assert page.status_code == 200
        assert page.context["shown"] is None
        assert page.context["form"].errors

    def test_an_empty_order_earns_nothing(self, admin_client):
        b.percent_rule(5)
        assert admin_client.get(reverse(EXAMPLE), {"price1": ""}).context["shown"]["earned"] == "0"

    def test_it_is_for_those_who_may_see_the_programme(self, client, django_user_model):
        user = django_user_model.objects.create_user("sam", password="x", is_staff=True)
        client.force_login(user)
        assert client.get(reverse(EXAMPLE)).status_code == 403
        user.user_permissions.add(Permission.objects.get(codename="view_programme"))
        assert client.get(reverse(EXAMPLE)).status_code == 200


def test_the_demo_has_a_programme_and_leaves_one_that_is_there_alone():
    for _run in range(2):
        call_command("demo", clients=0)
    assert list(Level.objects.values_list("percent", flat=True)) == [5, 7, 10]
    settings = Programme.objects.get()
    assert (settings.max_share, settings.lifetime_days, AccrualRule.objects.count()) == (30, 180, 1)
    record(b.source(), [paid()], NOW)
    assert Order.objects.get().bonuses_earned == 50


def test_the_order_says_why_it_earned_and_the_client_where_it_stands(admin_client):
    b.level("Silver", 1000)
    b.percent_rule(5, name="Cashback")
    record(b.source(), [paid(lines=[line()])], NOW)
    order = Order.objects.get()
    page = admin_client.get(reverse("admin:loyalty_order_change", args=[order.pk])).content.decode()
    assert "Cashback" in page
    assert "50 bonuses" in page
    page = admin_client.get(reverse("admin:loyalty_client_change", args=[order.client_id])).content.decode()
    assert "Level: Silver" in page
