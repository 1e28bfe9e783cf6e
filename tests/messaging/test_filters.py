"""Sums, dates and plurals stand as the reader writes them (semantics §25)."""

from decimal import Decimal

import pytest

from messaging.services import render
from messaging.services.manner import Money
from tests.messaging.manners import ENGLISH, RUSSIAN


def said(source, manner=RUSSIAN, **values):
    return render.compiled(source).render(values, manner).replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.parametrize(("manner", "text"), [(RUSSIAN, "1 999,90 ₽ и 12 500 ₽"), (ENGLISH, "RUB 1,999.90 и $12,500")])
def test_a_sum_is_written_in_the_reader_s_language_and_its_own_currency(manner, text):
    cart = {"total": Money(Decimal("1999.90"), "RUB")}
    found = said("{{ cart.total | money }} и {{ 12500 | money }}", manner, cart=cart)
    assert found.replace("RUB1", "RUB 1") == text


def test_a_sum_takes_the_currency_that_the_entry_names():
    assert said("{{ entry.total | money }}", entry={"total": "5.50", "currency": "EUR"}) == "5,50 €"


def test_a_currency_that_is_told_wins():
    assert said('{{ entry.total | money: "USD" }}', ENGLISH, entry={"total": 5, "currency": "EUR"}) == "$5"


@pytest.mark.parametrize(
    ("form", "russian", "english"),
    [
        ("short", "09.03.2026", "3/8/26"),
        ("medium", "9 мар. 2026 г.", "Mar 8, 2026"),
        ("long", "9 марта 2026 г.", "March 8, 2026"),
        ("day", "9 марта", "March 8"),
        ("month", "март 2026 г.", "March 2026"),
        ("weekday", "понедельник", "Sunday"),
        ("time", "01:30", "6:30 PM"),
        ("%d.%m.%Y", "09.03.2026", "08.03.2026"),
        ("%-d %B", "9 марта", "8 March"),
        ("%B %Y", "март 2026", "March 2026"),
        ("%H:%M", "01:30", "18:30"),
        ("100%%", "100%", "100%"),
    ],
)
def test_a_moment_is_told_by_the_reader_s_clock_and_in_the_reader_s_language(form, russian, english):
    source = f'{{{{ entry.at | date: "{form}" }}}}'
    assert said(source, RUSSIAN, entry={"at": "2026-03-08T22:30:00Z"}) == russian
    assert said(source, ENGLISH, entry={"at": "2026-03-08T22:30:00Z"}) == english


def test_a_day_is_the_same_everywhere():
    assert said('{{ promo.until | date: "day" }}', RUSSIAN, promo={"until": "2026-12-31"}) == "31 декабря"
    assert said('{{ promo.until | date: "day" }}', ENGLISH, promo={"until": "2026-12-31"}) == "December 31"


def test_what_is_empty_stays_empty_and_what_is_no_date_is_not_sent():
    assert said('{{ promo.until | default: "" | date: "long" }}', promo={}) == ""
    for value in ("soon", "99.99.9999", ["x"], 10**12):
        with pytest.raises(render.RenderError, match="date"):
            said('{{ promo.until | date: "long" }}', promo={"until": value})


def test_now_is_the_moment_of_the_rendering():
    assert said('{{ "now" | date: "%Y-%m-%d" }}', RUSSIAN) == "2026-03-09"


@pytest.mark.parametrize(
    ("number", "word"),
    [(0, "баллов"), (1, "балл"), (2, "балла"), (4, "балла"), (5, "баллов"), (11, "баллов"), (12, "баллов")]
    + [(21, "балл"), (22, "балла"), (111, "баллов"), (1001, "балл"), (Decimal("1.5"), "балла"), (-1, "балл")],
)
def test_russian_has_three_forms(number, word):
    assert said('{{ n | plural: "балл", "балла", "баллов" }}', n=number) == word


@pytest.mark.parametrize(
    ("number", "word"), [(0, "points"), (1, "point"), (2, "points"), (21, "points"), ("1", "point"), (0.5, "points")]
)
def test_english_has_two_forms(number, word):
    assert said('{{ n | plural: "point", "points" }}', n=number) == word


def test_numbers_are_grouped_as_the_reader_does():
    assert said("{{ 1234567.5 | number }}") == "1 234 567,5"
    assert said("{{ 1234567.5 | number }}", ENGLISH) == "1,234,567.5"


@pytest.mark.parametrize("name", ["money", "number", 'plural: "a", "b"', 'date: "long"'])
def test_a_missing_value_aborts_in_every_filter(name):
    with pytest.raises(render.RenderError, match="'bonus.gone' is undefined|bonus.gone"):
        said(f"{{{{ bonus.gone | {name} }}}}", bonus={})


@pytest.mark.parametrize("name", ["money", "number", 'plural: "a", "b"'])
@pytest.mark.parametrize("value", ["many", "NaN", "Infinity", "1e999", [], {}, True])
def test_what_is_no_number_is_an_error_of_the_text(name, value):
    with pytest.raises(render.RenderError, match="number"):
        said(f"{{{{ n | {name} }}}}", n=value)
