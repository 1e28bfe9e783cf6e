"""Templates: what is missing aborts, what is hostile stops early (semantics §25)."""

import time

import pytest

from messaging.services import render


def _render(source, **values):
    return render.compiled(source).render(values)


def test_a_missing_variable_without_a_default_aborts():
    with pytest.raises(render.RenderError):
        _render("Hi {{ client.first_name }}", client={})


def test_a_default_stands_for_what_is_missing():
    assert _render('Hi {{ client.first_name | default: "friend" }}', client={}) == "Hi friend"


def test_text_without_tags_is_itself():
    assert _render("50 % {off}") == "50 % {off}"


@pytest.mark.parametrize("source", ["{{ client.first_name", "{% if %}", "{% unknown %}", "{% for x in %}"])
def test_what_cannot_be_parsed_is_refused_with_words(source):
    with pytest.raises(render.TemplateError) as error:
        render.check(source)
    assert str(error.value)


def test_an_unknown_variable_is_named():
    with pytest.raises(render.TemplateError, match="klient"):
        render.check("{{ klient.first_name }}")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}",
        "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..9999) %}{% assign a = a | append: a %}{% endfor %}{{ a }}",
        "{% capture a %}{% for i in (1..9999) %}{{ 'x' | append: 'y' }}{% endfor %}{% endcapture %}"
        "{% for i in (1..9999) %}{{ a }}{% endfor %}",
        "{{ 1 | divided_by: 0 }}",
        "{% include 'x' %}",
        "{% render '/etc/passwd' %}",
    ],
)
def test_a_hostile_template_stops_early(source):
    started = time.monotonic()
    with pytest.raises((render.TemplateError, render.RenderError)):
        _render(source)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("path", ["client.__class__", "client.keys", "client.items", "cart.lines.append"])
def test_python_objects_are_out_of_reach(path):
    with pytest.raises(render.RenderError):
        _render(f"{{{{ {path} }}}}", client={"first_name": "A"}, cart={"lines": []})


def test_deep_nesting_is_refused_rather_than_crashing():
    with pytest.raises((render.TemplateError, render.RenderError)):
        _render("{% if true %}" * 5000 + "x" + "{% endif %}" * 5000)
