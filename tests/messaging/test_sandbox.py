"""What a hostile template cannot do: take time, memory, output, or an object of Python (semantics §25)."""

import time
import tracemalloc
from decimal import Decimal

import pytest

from messaging.services import render
from messaging.services.manner import Money
from tests.messaging.manners import RUSSIAN

BIG = "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 14  # 160,000 characters
LONG_LOOP = "{% for i in (1..9999) %}"

LOOPS = {
    "nested": LONG_LOOP * 5 + "x" + "{% endfor %}" * 5,
    "a billion": "{% for i in (1..1000000000) %}x{% endfor %}",
    "a billion backwards": "{% for i in (1..1000000000) reversed %}x{% endfor %}",
    "far into a billion": "{% for i in (1..1000000000) offset: 999999990 %}x{% endfor %}",
    "beyond any number": "{% for i in (1..99999999999999999999999999) %}x{% endfor %}",
    "one after another": (LONG_LOOP + "{% endfor %}") * 2500,
    "empty conditions": "{% for i in (1..9999) %}" + "{% if true %}{% endif %}" * 3000 + "{% endfor %}",
    "a long condition": LONG_LOOP + "{% if " + "i == 0 or " * 5000 + "false %}x{% endif %}{% endfor %}",
    "assignments": LONG_LOOP + "{% assign a = i %}" * 4000 + "{% endfor %}",
}
TEXTS = {
    "doubled": "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..999) %}{% assign a = a | append: a %}{% endfor %}{{ a }}",
    "doubled in one breath": BIG + "{{ a" + " | append: a" * 5000 + " }}",
    "every letter replaced": BIG + "{{ a | replace: 'x', a }}",
    "the empty replaced": BIG + "{{ a | replace: '', a }}",
    "joined by it": BIG + "{{ 'a,b,c,d,e,f' | split: ',' | join: a }}",
    "split to letters": BIG + "{{ a | split: '' | size }}",
    "a list of it": BIG + "{% assign l = a | split: ',' %}" + "{% assign l = l | concat: l %}" * 11 + "{{ l }}",
    "captured": BIG + "{% capture b %}" + "{{ a }}" * 5000 + "{% endcapture %}",
    "captured again and again": BIG + LONG_LOOP + "{% capture b %}{{ a }}{% endcapture %}{% endfor %}",
    "captured in capture": "{% capture a %}x{% endcapture %}"
    + "{% capture a %}{{ a }}{{ a }}{{ a }}{{ a }}{% endcapture %}" * 30
    + "{{ a }}",
    "written": BIG + LONG_LOOP + "{{ a }}{% endfor %}",
    "kept": BIG + "".join(f"{{% assign b{i} = a | append: '{i}' %}}" for i in range(500)),
    "a hundred thousand entities": BIG + "{{ a | replace: 'x', '&' | escape | escape | escape }}",
}
NUMBERS = {
    "squared": "{% assign a = 99 %}{% for i in (1..9999) %}{% assign a = a | times: a %}{% endfor %}",
    "squared in one breath": "{% assign a = 99999999999999 %}{{ a" + " | times: a" * 3000 + " }}",
    "divided by nothing": "{{ 1 | divided_by: 0 }}",
    "modulo nothing": "{{ 1 | modulo: 0 }}",
    "a number of many digits": "{{ '" + "9" * 90_000 + "' | plus: 1 }}",
    "an exponent": "{{ '1e999999999' | times: 10 | round }}",
    "a decimal exponent": "{{ '1e999999999' | number }}",
}
OUTSIDE = {
    "include": "{% include 'x' %}",
    "render": "{% render '/etc/passwd' %}",
    "recursion": "{% render 'self' %}",
    "extends": "{% extends 'x' %}",
    "a macro": "{% macro 'a' %}{% call 'a' %}{% endmacro %}",
    "a table": "{% tablerow i in (1..1000000000) %}x{% endtablerow %}",
    "a range in a filter": "{{ (1..1000000000) | join: ',' }}",
    "a range searched": "{% if (1..1000000000) contains 'x' %}x{% endif %}",
    "a range kept": "{% assign r = (1..1000000000) %}{% if r contains 'x' %}x{% endif %}",
    "a range in a case": "{% case (1..1000000000) %}{% when 'x' %}{% endcase %}",
}
DATES = {
    "padded": "{{ '2026-01-01' | date: '%9999999999d' }}",
    "unknown directive": "{{ '2026-01-01' | date: '%Q' }}",
    "no form": "{{ '2026-01-01' | date: 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy' }}",
    "a year of many digits": "{{ '" + "9" * 1000 + "-01-01' | date: '%Y' }}",
    "a moment out of reach": "{{ '9999-12-31T23:59:59-23:00' | date: '%Y' }}",
    "directives without end": BIG + "{{ '2026-01-01' | date: '" + "%A" * 40_000 + "' | append: a | append: a }}",
}
NESTED = {
    "ifs": "{% if true %}" * 3000 + "x" + "{% endif %}" * 3000,
    "fors": "{% for i in (1..2) %}" * 60 + "x" + "{% endfor %}" * 60,
    "captures": "{% capture a %}" * 2000 + "{% endcapture %}" * 2000,
    "brackets": "{{ client" + "[client" * 3000 + "]" * 3000 + " }}",
    "words": "{% if " + "client and " * 9000 + "client %}x{% endif %}",
    "open braces": "{{" * 40_000,
    "open tags": "{%" * 40_000,
    "quotes": "{{ '" * 20_000,
    "pipes": "{{ a " + "|" * 90_000 + " }}",
    "after an empty if": "{% if %}" + "{{" * 40_000,
    "raw without end": "{% raw %}" * 10_000,
    "spaces": "{{ a" + " " * 90_000 + "b }}",
    "spaces without end": ("{{" + " " * 190) * 400,
}


def cases(*groups):
    return [pytest.param(source, id=name) for group in groups for name, source in group.items()]


@pytest.mark.parametrize("source", cases(LOOPS, TEXTS, NUMBERS, OUTSIDE, DATES, NESTED))
def test_a_hostile_template_is_refused_soon(source):
    started = time.thread_time()
    with pytest.raises((render.TemplateError, render.RenderError)):
        render.compiled(source).render({"client": {"first_name": "A"}}, RUSSIAN)
    # The processor's time: far more than it takes, far less than it would without limits.
    assert time.thread_time() - started < 4


@pytest.mark.parametrize("source", cases(TEXTS))
@pytest.mark.parametrize("html", [False, True], ids=["text", "html"])
def test_a_hostile_template_takes_little_memory(source, html):
    template = render.Text(source, html)
    tracemalloc.start()
    try:
        with pytest.raises(render.RenderError):
            template.render({}, RUSSIAN)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "path",
    [
        "client.__class__",
        "client.__class__.__mro__",
        "client['__class__']",
        "client.keys",
        "client.items",
        "client.get",
        "cart.lines.append",
        "cart.lines.__len__",
        "cart.total.currency",
        "cart.total.__class__",
        "cart.total.real",
        "client.first_name.format",
        "client.first_name.__class__",
        "entry.__init__.__globals__",
    ],
)
@pytest.mark.parametrize("html", [False, True], ids=["text", "html"])
def test_objects_of_python_are_out_of_reach(path, html):
    values = {
        "client": {"first_name": "A"},
        "cart": {"lines": [], "total": Money(Decimal(5), "RUB")},
        "entry": {},
    }
    with pytest.raises(render.RenderError):
        render.compiled(f"{{{{ {path} }}}}", html).render(values, RUSSIAN)


def test_values_are_escaped_in_html_and_not_in_text():
    values = {"client": {"first_name": "<script>alert(1)</script>"}}
    assert "<script>" not in render.compiled("<p>{{ client.first_name }}</p>", html=True).render(values)
    assert "<script>" in render.compiled("{{ client.first_name }}").render(values)


def test_no_filter_marks_a_value_as_safe_html():
    with pytest.raises(render.TemplateError, match="safe"):
        render.check("{{ client.first_name | safe }}", html=True)


def test_one_client_s_large_values_do_not_pass_for_a_small_message():
    with pytest.raises(render.RenderError):
        render.compiled("{{ entry.note | upcase }}").render({"entry": {"note": "x" * 400_000}}, RUSSIAN)


def test_an_honest_long_newsletter_is_well_within_the_limits():
    lines = [{"title": f"Чай № {i}", "price": "350.00", "currency": "RUB"} for i in range(300)]
    source = "{% for p in products %}{{ p.title | escape }} — {{ p.price | money: p.currency }}\n{% endfor %}" * 3
    text = render.compiled(source).render({"products": lines}, RUSSIAN)
    assert text.count("₽") == 900
