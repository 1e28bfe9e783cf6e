"""Filling pools: generated and uploaded codes, a slice at a time."""

import pytest
from redis import Redis

from loyalty import jobs
from loyalty.models import PromoCode, PromoPool
from loyalty.services import promo
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _fill():
    while promo.fill_next(NOW):
        pass


def test_20_000_codes_are_generated_with_progress():
    pool = b.promo_pool()
    batch = promo.order(pool, 25_000, NOW)
    assert promo.fill_next(NOW)
    batch.refresh_from_db()
    assert (batch.done, batch.added, batch.finished_at) == (20_000, 20_000, None)
    _fill()
    batch.refresh_from_db()
    assert (batch.done, batch.added, batch.finished_at) == (25_000, 25_000, NOW)
    assert promo.left([pool.pk]) == {pool.pk: 25_000}
    code = PromoCode.objects.filter(pool=pool).first()
    assert len(code.normal) == 12
    assert code.normal == promo.normalise(code.code)
    assert code.max_uses == 1


@pytest.mark.long
def test_1_000_000_codes():
    pool = b.promo_pool(codes=1_000_000)
    assert promo.left([pool.pk]) == {pool.pk: 1_000_000}


def test_an_upload_takes_good_lines_and_reports_the_others():
    pool, other = b.promo_pool(), b.promo_pool()
    promo.upload(other, b"TAKEN-1000", NOW)
    text = "code;note\nSUMMER-2026;x\n\nab\nsummer 2O26\ntaken1000\n" + "A" * 33 + '\n"Весна-20",7\n'
    batch = promo.upload(pool, text.encode(), NOW)
    _fill()
    batch.refresh_from_db()
    assert set(PromoCode.objects.filter(pool=pool).values_list("code", flat=True)) == {"SUMMER-2026", "Весна-20"}
    assert (batch.added, batch.refused, batch.text) == (2, 4, "")
    assert [(line, why) for line, _code, why in batch.report] == [
        (4, "too short"),
        (5, "the same as an earlier line or a code that exists"),
        (6, "the same as an earlier line or a code that exists"),
        (7, "too long"),
    ]


def test_an_upload_of_many_lines_goes_on_where_it_stopped():
    pool = b.promo_pool()
    batch = promo.upload(pool, "\r\n".join(f"CODE{number:06d}" for number in range(45_000)).encode(), NOW)
    promo.fill_next(NOW)
    batch.refresh_from_db()
    assert (batch.done, batch.added) == (20_000, 20_000)
    _fill()
    batch.refresh_from_db()
    assert (batch.done, batch.added, batch.refused) == (45_000, 45_000, 0)


def test_windows_text_is_read():
    pool = b.promo_pool()
    promo.upload(pool, "СКИДКА10\r\n".encode("cp1251"), NOW)
    _fill()
    assert PromoCode.objects.get().code == "СКИДКА10"


@pytest.mark.parametrize("content", [b"", b"\n \n", b"code\n"])
def test_a_file_without_codes_is_refused(content):
    with pytest.raises(promo.FillError):
        promo.upload(b.promo_pool(), content, NOW)


def test_a_shared_pool_holds_one_code():
    pool = b.promo_pool(kind=PromoPool.Kind.SHARED)
    with pytest.raises(promo.FillError):
        promo.upload(pool, b"HELLO2026\nHELLO2027", NOW)
    promo.upload(pool, b"HELLO2026", NOW)
    with pytest.raises(promo.FillError):
        promo.upload(pool, b"HELLO2027", NOW)
    _fill()
    with pytest.raises(promo.FillError):
        promo.order(pool, 1, NOW)


def test_added_codes_end_the_problem_of_a_dry_pool():
    pool, anna = b.promo_pool(warn_below=0), b.client()
    assert promo.issue_many(pool.pk, [(anna.pk, "k")], NOW) == {"k": None}
    assert promo.running_dry() == [pool]
    promo.order(pool, 1, NOW)
    _fill()
    assert promo.running_dry() == []


def test_a_pool_with_few_codes_is_warned_of():
    few, enough = b.promo_pool(codes=5, warn_below=6), b.promo_pool(codes=6, warn_below=6)
    assert promo.running_dry() == [few]
    assert enough not in promo.running_dry()


@pytest.mark.django_db(transaction=True)
def test_an_order_wakes_a_worker_and_needs_none(valkey: Redis):
    pool = b.promo_pool()
    promo.order(pool, 3, NOW)
    assert valkey.llen("rq:queue:default") == 1
    jobs.fill_pools()
    assert promo.left([pool.pk]) == {pool.pk: 3}
