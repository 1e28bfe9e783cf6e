"""Templates: what is missing aborts, what is hostile stops early (semantics §25)."""

import time

import pytest

from messaging.services import palette, render


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


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Hi\n{{ client.fist_name }}", "line 2, column 4: «client» has no «fist_name»: perhaps «first_name»?"),
        ("{{ klient.x }}", "line 1, column 4: there is no variable «klient»: perhaps «client»?"),
        (
            "{{ client.first_name | upcas }}",
            "line 1, column 24: there is no filter «upcas»: perhaps «upcase»?",
        ),
        ("a\n {{ client.first_name", "line 2, column 2: the brace opened here is not closed"),
        ("{% unknown %}", "line 1, column 1: there is no tag «unknown»"),
        ("ok\n{% for x in %}{% endfor %}", "line 2, column 1: something is missing inside the braces"),
        ("x\n{% if client %}", "line 2, column 1: «{% endif %}» is missing"),
        ("x {% endif %}", "line 1, column 3: «{% endif %}» has no beginning"),
        ("{{ 'x }}", "line 1, column 4: the quotation mark opened here is not closed"),
        ("{{ client | }}", "line 1, column 1: something is missing inside the braces"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_column(source, words):
    with pytest.raises(render.TemplateError) as error:
        render.check(source)
    assert str(error.value) == words


def test_every_mistake_is_named_at_once_in_the_order_of_the_text():
    with pytest.raises(render.TemplateError) as error:
        render.check("{{ one }}\n{{ two | three }}")
    assert [problem[:2] for problem in error.value.problems] == [(1, 4), (2, 4), (2, 10)]


def test_what_an_event_carries_and_what_a_client_has_of_their_own_is_not_judged():
    render.check("{{ entry.whatever.there.is }} {{ client.attributes.size }} {{ cart.lines.size }}")


@pytest.mark.parametrize("variable", [*palette.VARIABLES, *palette.NOTICE_VARIABLES], ids=lambda each: each.code[:40])
def test_whatever_the_palette_inserts_is_understood(variable):
    render.check(variable.code)
    render.check(variable.code, html=True)
