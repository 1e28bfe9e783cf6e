"""The staff's pages of promo codes."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.models import PromoBatch, PromoCode, PromoPool, PromoRedemption
from loyalty.services import promo
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db

POOL = {
    "name": "Spring",
    "slug": "spring",
    "kind": "personal",
    "gives": "amount",
    "amount": "99.50",
    "uses_per_code": "1",
    "length": "12",
    "warn_below": "10",
    "active": "on",
}


def _fill_page(pool):
    return reverse("admin:loyalty_promopool_fill", args=[pool.pk])


def test_a_pool_is_made_with_its_sum_in_major_units(admin_client):
    assert admin_client.post(reverse("admin:loyalty_promopool_add"), POOL).status_code == 302
    pool = PromoPool.objects.get()
    assert pool.amount == 9950
    page = admin_client.get(reverse("admin:loyalty_promopool_change", args=[pool.pk])).content.decode()
    assert "99.50" in page


@pytest.mark.parametrize(
    "change", [{"amount": ""}, {"amount": "1.001"}, {"amount": "-1"}, {"gives": "percent"}, {"length": "11"}]
)
def test_a_pool_that_gives_nothing_sensible_is_refused(admin_client, change):
    assert admin_client.post(reverse("admin:loyalty_promopool_add"), POOL | change).status_code == 200
    assert not PromoPool.objects.exists()


def test_codes_are_generated_and_the_page_looks_again_until_they_are(admin_client):
    pool = b.promo_pool()
    answer = admin_client.post(_fill_page(pool), {"count": "30"})
    batch = PromoBatch.objects.get()
    page = reverse("admin:loyalty_promobatch_change", args=[batch.pk])
    assert answer.url == page
    assert admin_client.get(page)["Refresh"]
    promo.fill_next(NOW)
    answer = admin_client.get(page)
    assert "Refresh" not in answer
    assert "30 / 30" in answer.content.decode()


def test_codes_are_typed_or_uploaded_and_refused_lines_are_shown(admin_client):
    pool = b.promo_pool()
    admin_client.post(_fill_page(pool), {"text": "TYPED-CODE-1\nx"})
    admin_client.post(_fill_page(pool), {"file": SimpleUploadedFile("codes.csv", b"code\nUPLOADED-1\n")})
    while promo.fill_next(NOW):
        pass
    assert PromoCode.objects.count() == 2
    batch = PromoBatch.objects.order_by("pk").first()
    page = admin_client.get(reverse("admin:loyalty_promobatch_change", args=[batch.pk])).content.decode()
    assert "too short" in page
    assert "1 line refused" in admin_client.get(_fill_page(pool)).content.decode()


@pytest.mark.parametrize(
    "data", [{}, {"count": "5", "text": "SOMECODE"}, {"count": "0"}, {"count": "99999999"}, {"text": " "}]
)
def test_an_order_that_makes_no_sense_is_refused(admin_client, data):
    pool = b.promo_pool()
    assert admin_client.post(_fill_page(pool), data).status_code == 200
    assert not PromoBatch.objects.exists()


def test_the_list_shows_what_is_left_and_warns(admin_client):
    pool = b.promo_pool(codes=8, warn_below=10)
    b.promo_pool(codes=1, kind="shared", uses_per_code=None)
    promo.issue_many(pool.pk, [(b.client().pk, "k")], NOW)
    page = admin_client.get(reverse("admin:loyalty_promopool_changelist")).content.decode().replace("\u00a0", " ")
    assert "7 of 8 left" in page
    assert "has few codes left" in page
    assert "uses: 0" in page
    figures = admin_client.get(reverse("admin:index")).content.decode()
    assert "Promo code pools running dry" in figures


def test_lists_of_codes_and_uses_find_a_code_however_it_is_typed(admin_client):
    pool, anna = b.promo_pool(codes=3), b.client()
    code = promo.issue_many(pool.pk, [(anna.pk, "k")], NOW)["k"]
    promo.redeem(code, anna.pk, "order-7", "k", NOW)
    with pytest.raises(promo.PromoRefused):
        promo.redeem(code, anna.pk, "order-8", "k8", NOW)
    other = PromoCode.objects.filter(issued_at=None).first().code
    for name in ("promocode", "promoredemption"):
        for text in (code.lower().replace("-", " "), anna.phone):
            page = admin_client.get(reverse(f"admin:loyalty_{name}_changelist"), {"q": text}).content.decode()
            assert code in page
            assert other not in page
    page = admin_client.get(reverse("admin:loyalty_promorefusal_changelist")).content.decode()
    assert "used as often as it may be" in page


def test_the_list_of_codes_never_counts_nor_sorts_the_table(admin_client):
    b.promo_pool(codes=120)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        admin_client.get(reverse("admin:loyalty_promocode_changelist"))
    said = [query["sql"] for query in queries if "loyalty_promocode" in query["sql"]]
    assert said
    assert not [sql for sql in said if re.search(r"COUNT\(", sql, re.IGNORECASE)]


def test_a_use_is_taken_back_and_a_code_blocked(admin_client):
    pool, anna = b.promo_pool(codes=1), b.client()
    code = promo.issue_many(pool.pk, [(anna.pk, "k")], NOW)["k"]
    use = promo.redeem(code, anna.pk, "o", "k", NOW)
    url = reverse("admin:loyalty_promoredemption_changelist")
    admin_client.post(url, {"action": "cancel", "_selected_action": [use.pk]})
    assert PromoRedemption.objects.get().cancelled_at
    url = reverse("admin:loyalty_promocode_changelist")
    admin_client.post(url, {"action": "block", "_selected_action": [use.code_id]})
    assert PromoCode.objects.get().blocked
    with pytest.raises(promo.PromoRefused):
        promo.check(code, anna.pk, None, NOW)


def test_a_reader_may_look_and_not_add(client, django_user_model):
    reader = django_user_model.objects.create_user("reader", password="x", is_staff=True)
    pool = b.promo_pool()
    client.force_login(reader)
    assert client.get(_fill_page(pool)).status_code == 403
    assert client.post(_fill_page(pool), {"count": "5"}).status_code == 403
