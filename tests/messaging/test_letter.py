"""Formatted e-mail: MJML made ready once, a plain-text twin that says the same, blocks and pictures (semantics §25)."""

import re
from decimal import Decimal

import pytest

from messaging.models import Channel, ChannelContent
from messaging.services import letter, pictures, render, wordings
from messaging.services.manner import Money
from tests.messaging.manners import ENGLISH, RUSSIAN

MJML = """<mjml><mj-head><mj-preview>Soon</mj-preview></mj-head><mj-body><mj-section><mj-column>
<mj-text>Привет, {{ client.first_name | default: "друг" }} &amp; Co!<br> Чай&nbsp;ждёт.</mj-text>
<mj-raw>{% if cart.total > 100 %}</mj-raw>
<mj-text>{% for line in cart.lines %}{{ line.title }}<br/>{% endfor %}</mj-text>
<mj-raw>{% endif %}</mj-raw>
<mj-button href="{{ cart.url | default: "https://shop.example/" }}">В корзину</mj-button>
</mj-column></mj-section></mj-body></mjml>"""
CART = {
    "lines": [{"title": "Чай <зелёный>", "quantity": 2, "total": "700"}],
    "total": Money(Decimal(700), "RUB"),
    "currency": "RUB",
    "url": "https://shop.example/cart/1",
}


def content(**values):
    return ChannelContent(**{"channel": Channel.EMAIL, "subject": "S", "body": ""} | values)


def test_mjml_becomes_html_and_liquid_runs_over_it():
    said = wordings.compiled(content(html=MJML)).render({"client": {}, "cart": CART}, RUSSIAN)
    assert "<mj-" not in said.html
    assert "Привет, друг &amp; Co!" in said.html
    assert "Чай &lt;зелёный&gt;" in said.html
    assert 'href="https://shop.example/cart/1"' in said.html


def test_the_plain_text_twin_says_the_same():
    said = wordings.compiled(content(html=MJML)).render({"client": {"first_name": "Анна"}, "cart": CART}, RUSSIAN)
    assert "Привет, Анна & Co!\nЧай ждёт." in said.body
    assert "Чай <зелёный>" in said.body
    assert "В корзину: https://shop.example/cart/1" in said.body
    assert "Soon" not in said.body or said.body.index("Soon") == 0


def test_an_own_plain_text_stands_before_the_twin():
    assert wordings.compiled(content(html=MJML, body="Own")).render({"client": {}, "cart": CART}, RUSSIAN).body == "Own"


def test_another_channel_gets_its_text_alone():
    said = wordings.compiled(content(channel=Channel.SMS, html=MJML, body="Hi")).render({}, RUSSIAN)
    assert said[:3] == ("", "Hi", "")


def test_plain_html_stays_as_it_is():
    html = '<p style="color:red">Hi {{ client.first_name }}</p>'
    said = wordings.compiled(content(html=html)).render({"client": {"first_name": "<b>"}}, ENGLISH)
    assert said.html == '<p style="color:red">Hi &lt;b&gt;</p>'
    assert said.body == "Hi <b>"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("<mjml><mj-body>\n <mj-foo/></mj-body></mjml>", "line 2, column 2: MJML has no «mj-foo»"),
        ("<mjml><mj-body>\n<mj-section></mj-body></mjml>", "line 2, column 15"),
        ("<mjml><mj-body>\n<mj-include path='/etc/passwd'/></mj-body></mjml>", "MJML has no «mj-include»"),
        ("<mjml>" + "<mj-wrapper>" * 3000 + "</mj-wrapper>" * 3000 + "</mjml>", "nested too deeply"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><mjml/>', None),
        ("<mjml><!DOCTYPE x></mjml>", "document type"),
    ],
)
def test_what_is_no_mjml_is_refused_with_its_place(source, place):
    if place is None:
        assert letter.compiled(source) == source  # no MJML: HTML as it stands, which no mail reader runs
        return
    with pytest.raises(render.TemplateError, match=re.escape(place)):
        letter.compiled(source)


def test_mistakes_of_the_formatted_text_are_named_where_the_author_wrote_them():
    wrong = wordings.wrong(content(html=MJML.replace("first_name", "fist_name"), body="{{ x }}"))
    assert wrong["html"].startswith("line 2, column ")
    assert "perhaps «first_name»" in wrong["html"]
    assert "there is no variable «x»" in wrong["body"]


BLOCKS = {
    "{% cart %}": {"cart": CART},
    "{% products %}": {
        "products": [{"title": "Чай <зелёный>", "price": "350", "currency": "RUB", "url": "https://s.example/t"}]
    },
    "{% promo %}": {"promo": {"code": "ACDE-FGHJ", "until": "2026-12-31"}},
    "{% promo qr %}": {"promo": {"code": "ACDE-FGHJ", "until": ""}},
    "{% bonuses %}": {"bonus": {"available": 251}, "expiring": {"amount": 100, "until": "2026-03-20"}},
    "{% referral %}": {"referral": {"url": "https://shop.example/ref/A/"}},
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% cart %}", "Чай <зелёный> × 2 — 700 ₽\nИтого: 700 ₽\nhttps://shop.example/cart/1"),
        ("{% products %}", "Чай <зелёный> — 350 ₽ https://s.example/t\n"),
        ("{% promo %}", "Ваш промокод: ACDE-FGHJ\nДействует по 31 декабря"),
        ("{% promo qr %}", "Ваш промокод: ACDE-FGHJ"),
        ("{% bonuses %}", "У вас 251 бонус, 100 из них сгорят после 20 марта"),
        ("{% referral %}", "Ваша ссылка для друзей: https://shop.example/ref/A/"),
    ],
)
def test_a_block_speaks_the_reader_s_language_in_text(source, text):
    assert render.compiled(source).render(BLOCKS[source], RUSSIAN).replace("\xa0", " ") == text


@pytest.mark.parametrize("source", BLOCKS)
def test_a_block_is_safe_html(source):
    html = render.compiled(source, html=True).render(BLOCKS[source], ENGLISH)
    assert "<зелёный>" not in html
    assert html.startswith(("<table", "<p"))
    assert "[" not in html


def test_a_block_reads_its_variables_by_name():
    assert render.compiled("{% bonuses %}").names == {"bonus", "expiring"}
    with pytest.raises(render.RenderError, match="cart"):
        render.compiled("{% cart %}").render({}, RUSSIAN)


def test_a_block_knows_its_pictures_alone():
    with pytest.raises(render.TemplateError, match="column 10"):
        render.check("{% promo svg %}")


@pytest.mark.parametrize("kind", ["qr", "barcode"])
def test_a_code_s_picture_is_drawn_for_signed_addresses_alone(client, kind):
    url = pictures.address(kind, "ACDE-FGHJ-KMNP")
    path = url[url.index("/i/") :]
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    assert "immutable" in answer["Cache-Control"]
    assert client.get(path.replace(f"/i/{kind}/", f"/i/{kind}/A")).status_code == 404
    assert client.get(path.replace(kind, "barcode" if kind == "qr" else "qr")).status_code == 404


def test_a_barcode_is_code_128():
    # Start B, "A", check symbol, stop: the example of the standard's arithmetic, (104 + 1·33) mod 103 = 34.
    assert pictures.modules("A") == "11010010000" + "10100011000" + "10001011000" + "1100011101011"


def test_a_barcode_holds_latin_letters_alone():
    with pytest.raises(render.RenderError, match="barcode"):
        render.compiled("{{ promo.code | barcode }}").render({"promo": {"code": "ЧАЙ"}}, RUSSIAN)


def test_a_text_from_a_browser_is_taken_with_its_line_ends():
    said = wordings.compiled(content(html=MJML.replace("\n", "\r\n") + "\r\n \r\n")).render(
        {"client": {}, "cart": CART}, RUSSIAN
    )
    assert "<mj-" not in said.html
    assert "Привет, друг" in said.html
