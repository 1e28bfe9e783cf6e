"""The catalogue in the admin: what is known of a product, what would be recommended to a client."""

from datetime import timedelta

import django_rq
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from loyalty.intake.facts import ProductFact
from loyalty.models import Category, Product, ProductPopularity
from loyalty.services import product_facts
from loyalty.services.events import record
from tests import builders as b
from tests.loyalty.services.test_product_facts import ordered, products

pytestmark = pytest.mark.django_db


@pytest.fixture
def goods():
    now = timezone.now()
    made = products(3)
    origin = made[0].source
    for price, days in ((50000, 3), (45000, 2)):
        told = ProductFact("p0", title="Green tea", price=price, currency="RUB")
        record(origin, [b.happened(origin, "product.updated", now - timedelta(days=days), products=(told,))], now)
    for _ in range(5):
        ordered(origin, made[0], made[1], at=now - timedelta(days=1))
    for _ in range(5):
        ordered(origin, made[2], at=now - timedelta(days=1))
    product_facts.count(now)
    return made


def test_a_products_page_shows_what_goes_with_it_its_buyers_and_its_prices(admin_client, goods):
    page = admin_client.get(reverse("admin:loyalty_product_change", args=[goods[0].pk])).content.decode()
    assert "Product 1" in page
    assert "5 orders" in page
    assert "2.0 times as often" in page
    assert "5 buyers" in page
    assert "500.00 RUB → 450.00 RUB" in page
    assert "−10 %" in page


def test_the_list_shows_promo_prices_and_is_filtered(admin_client, goods):
    url = reverse("admin:loyalty_product_changelist")
    page = admin_client.get(url).content.decode()
    assert "<s>500.00 RUB</s>" in page
    for value, found in (("yes", 1), ("no", 2)):
        assert len(admin_client.get(url, {"promo": value}).context["cl"].result_list) == found
    category = Category.objects.create(source=goods[0].source, external_id="tea", name="Tea")
    Product.objects.filter(pk=goods[1].pk).update(category=category, in_stock=False)
    for query in ({"category__id__exact": category.pk}, {"in_stock__exact": "0"}):
        assert [row.pk for row in admin_client.get(url, query).context["cl"].result_list] == [goods[1].pk]


def test_the_list_costs_the_same_however_many(admin_client, goods, django_assert_max_num_queries):
    products(40, goods[0].source.__class__.objects.create(kind="shop", slug="more"))
    with django_assert_max_num_queries(12):
        admin_client.get(reverse("admin:loyalty_product_changelist"))


def test_staff_have_it_counted_now(admin_client, valkey, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert admin_client.get(reverse("admin:loyalty_product_count_now")).status_code == 302
    assert [job.func_name for job in django_rq.get_queue("segments").jobs] == ["loyalty.jobs.count_products"]


def test_staff_say_which_categories_go_well_together_and_nothing_else(admin_client):
    origin = b.source()
    tea, cups = (Category.objects.create(source=origin, external_id=name, name=name) for name in ("tea", "cups"))
    url = reverse("admin:loyalty_category_change", args=[tea.pk])
    assert admin_client.post(url, {"accessories": [cups.pk], "name": "mine"}).status_code == 302
    tea.refresh_from_db()
    assert list(tea.accessories.all()) == [cups]
    assert tea.name == "tea"


def test_a_clients_page_leads_to_what_would_be_recommended(admin_client, goods):
    anna = b.client()
    page = admin_client.get(reverse("admin:loyalty_client_change", args=[anna.pk])).content.decode()
    url = reverse("admin:loyalty_client_recommended", args=[anna.pk])
    assert url in page
    page = admin_client.get(url).content.decode()
    assert "Green tea" in page
    assert "in place of it: popular with everybody" in page
    assert admin_client.get(reverse("admin:loyalty_client_recommended", args=[999])).status_code == 404


def test_recommendations_are_shown_to_those_who_may_see_clients_and_goods(goods):
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_product"))
    browser = Browser()
    browser.force_login(staff)
    url = reverse("admin:loyalty_client_recommended", args=[b.client().pk])
    assert browser.get(url).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_client"))
    assert browser.get(url).status_code == 200


def test_an_uncounted_catalogue_says_so(admin_client):
    (one,) = products(1)
    page = admin_client.get(reverse("admin:loyalty_product_change", args=[one.pk])).content.decode()
    assert "Not counted yet" in page
    assert not ProductPopularity.objects.exists()
