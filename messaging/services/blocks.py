"""Blocks: what messages say again and again, as one tag each (semantics §25).

`{% cart %}`, `{% products %}`, `{% promo %}` (`{% promo qr %}`, `{% promo barcode %}`), `{% bonuses %}`,
`{% referral %}`. In an e-mail a block is a table; in a plain text, lines. Its words are in the reader's language.
A block reads the same variables as a text would, so what is missing aborts in the same way.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from liquid import BoundTemplate, TokenStream
from liquid.ast import Node
from liquid.builtin.expressions import Path
from liquid.exceptions import LiquidSyntaxError
from liquid.expression import Expression
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, TOKEN_TAG, Token

from messaging.services.pictures import KINDS
from messaging.services.sandbox import Sandbox

# Words by language; any other language reads the English ones.
_WORDS = {
    "en": {
        "total": "Total", "code": "Your promo code", "until": "Valid through", "balance": "You have", "soon": "of them"
        " burn after", "friend": "Your link for friends", "cart": "Go to the cart",
        "bonuses": '"bonus", "bonuses"',
    },
    "ru": {
        "total": "Итого", "code": "Ваш промокод", "until": "Действует по", "balance": "У вас", "soon": "из них сгорят"
        " после", "friend": "Ваша ссылка для друзей", "cart": "Перейти в корзину",
        "bonuses": '"бонус", "бонуса", "бонусов"',
    },
}  # fmt: skip
_CELL = "padding:8px 0;border-bottom:1px solid #e5e7eb"
_TABLE = '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse">'
# What may be missing of a product is left out.
_PRODUCT = (
    "{% assign url = product.url | default: '' %}{% assign image = product.image_url | default: '' %}"
    "{% assign price = product.price | default: '' %}"
)
_PRICE = "{% if price != '' %}{{ price | money: product.currency }}{% endif %}"
_LINE = "{{ line.title | default: line.name | default: '' }} × {{ line.quantity | default: 1 | number }}"
_CART_URL = "{% assign url = cart.url | default: '' %}"
_UNTIL = "{% assign until = promo.until | default: '' %}"
_BURNING = (
    "{% if expiring.amount > 0 %}, <b>{{ expiring.amount | number }}</b> [soon] {{ expiring.until | date: 'day' }}"
)

_TEXT = {
    "cart": "{% for line in cart.lines %}"
    + _LINE
    + " — {{ line.total | money: cart.currency }}\n{% endfor %}[total]: {{ cart.total | money: cart.currency }}"
    + _CART_URL
    + "{% if url != '' %}\n{{ url }}{% endif %}",
    "products": "{% for product in products %}"
    + _PRODUCT
    + "{{ product.title }}{% if price != '' %} — {% endif %}"
    + _PRICE
    + "{% if url != '' %} {{ url }}{% endif %}\n{% endfor %}",
    "promo": "[code]: {{ promo.code }}" + _UNTIL + "{% if until != '' %}\n[until] {{ until | date: 'day' }}{% endif %}",
    "bonuses": "[balance] {{ bonus.available | number }} {{ bonus.available | plural: [bonuses] }}"
    + _BURNING.replace("<b>", "").replace("</b>", "")
    + "{% endif %}",
    "referral": "[friend]: {{ referral.url }}",
}
_HTML = {
    "cart": f"""{_TABLE}{{% for line in cart.lines %}}<tr><td style="{_CELL}">{_LINE}</td>
<td align="right" style="{_CELL}">{{{{ line.total | money: cart.currency }}}}</td></tr>{{% endfor %}}
<tr><td style="padding:8px 0"><b>[total]</b></td>
<td align="right" style="padding:8px 0"><b>{{{{ cart.total | money: cart.currency }}}}</b></td></tr></table>
{_CART_URL}{{% if url != '' %}}<p><a href="{{{{ url }}}}">[cart]</a></p>{{% endif %}}""",
    "products": f"""{_TABLE}{{% for product in products %}}{_PRODUCT}<tr><td width="72" style="{_CELL}">
{{% if image != '' %}}<img src="{{{{ image }}}}" width="64" alt="" style="display:block;border:0">{{% endif %}}</td>
<td style="{_CELL}">{{% if url != '' %}}<a href="{{{{ url }}}}">{{{{ product.title }}}}</a>{{% else %}}
{{{{ product.title }}}}{{% endif %}}</td><td align="right" style="{_CELL}">{_PRICE}</td></tr>{{% endfor %}}</table>""",
    "promo": f"""<p style="margin:0">[code]:</p>
<p style="margin:8px 0;font-size:22px;letter-spacing:2px"><b>{{{{ promo.code }}}}</b></p>[picture]
{_UNTIL}{{% if until != '' %}}<p style="margin:0">[until] {{{{ until | date: 'day' }}}}</p>{{% endif %}}""",
    "bonuses": f"""<p style="margin:0">[balance] <b>{{{{ bonus.available | number }}}}</b>
{{{{ bonus.available | plural: [bonuses] }}}}{_BURNING}{{% endif %}}</p>""",
    "referral": '<p style="margin:0">[friend]:<br><a href="{{ referral.url }}">{{ referral.url }}</a></p>',
}
_PICTURE = '<img src="{{{{ promo.code | {kind} }}}}" alt="{{{{ promo.code }}}}" {size} style="display:block;border:0">'
_SIZES = {"qr": 'width="180" height="180"', "barcode": 'height="90"'}
# The variables that a block reads.
READS: Mapping[str, tuple[str, ...]] = {
    "cart": ("cart",),
    "products": ("products",),
    "promo": ("promo",),
    "bonuses": ("bonus", "expiring"),
    "referral": ("referral",),
}


def source(name: str, language: str, html: bool, picture: str = "") -> str:
    """The template of a block."""
    text = (_HTML if html else _TEXT)[name]
    words = _WORDS.get(language, _WORDS["en"])
    for key, said in words.items():
        text = text.replace(f"[{key}]", said)
    return text.replace("[picture]", _PICTURE.format(kind=picture, size=_SIZES[picture]) if picture else "")


class _Block(Node):
    __slots__ = ("name", "templates")

    def __init__(self, token: Token, name: str, templates: Callable[[str], BoundTemplate]) -> None:
        super().__init__(token)
        self.name, self.templates, self.blank = name, templates, False

    def __str__(self) -> str:
        return f"{{% {self.name} %}}"

    def render_to_output(self, context: Any, buffer: Any) -> int:
        language = context.manner.locale.language if context.manner else "en"
        context.spend(10)
        return sum(node.render(context, buffer) for node in self.templates(language).nodes)

    def expressions(self) -> Iterable[Expression]:
        for name in READS[self.name]:
            yield Path(self.token, [name])


class _BlockTag(Tag):
    block = False

    def __init__(self, env: Sandbox, name: str) -> None:
        super().__init__(env)
        self.name = name
        self._made: dict[tuple[str, str], BoundTemplate] = {}

    def parse(self, stream: TokenStream) -> Node:
        stream.expect(TOKEN_TAG)
        token, picture = stream.current, ""
        # The parser steps over the last token of a tag by itself.
        if stream.peek.kind == TOKEN_EXPRESSION:
            next(stream)
            picture = stream.current.value.strip()
            if self.name != "promo" or picture not in KINDS:
                raise LiquidSyntaxError(f"{self.name}: unexpected “{picture[:20]}”", token=stream.current)
        return _Block(token, self.name, lambda language: self._template(language, picture))

    def _template(self, language: str, picture: str) -> BoundTemplate:
        language = language if language in _WORDS else "en"
        key = (language, picture)
        if key not in self._made:
            self._made[key] = self.env.from_string(source(self.name, language, bool(self.env.autoescape), picture))
        return self._made[key]


def add(environment: Sandbox) -> None:
    """Adds the blocks to an environment."""
    for name in READS:
        environment.tags[name] = _BlockTag(environment, name)
