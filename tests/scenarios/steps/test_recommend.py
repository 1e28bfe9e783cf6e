"""Recommending products: a list for the texts below, by what started the scenario or by what the client did."""

import pytest

from loyalty.models import Category, Product
from messaging.models import Message
from messaging.services import palette, render
from scenarios.models import RecommendProducts, RunLog
from tests import builders as b
from tests.builders import NOW

pytestmark = pytest.mark.django_db


def _goods(source, number):
    tea = Category.objects.create(source=source, external_id="tea", name="Tea")
    return [
        Product.objects.create(
            source=source, external_id=f"t{n}", title=f"Tea {n}", category=tea, price=1000, currency="RUB",
            url=f"https://shop.example/{n}", updated_at=NOW, published_at=NOW,
        )
        for n in range(number)
    ]  # fmt: skip


def test_the_text_below_lists_the_products(walk):
    _goods(b.source(), 3)
    anna, draft = b.client(), b.scenario()
    b.add(RecommendProducts, b.trunk(draft), kind="new", number=2)
    b.sms(b.trunk(draft), body="{% for product in products %}{{ product.title }} {{ product.price }};{% endfor %}")
    walk(draft, anna)
    said = Message.objects.get().body.split(";")[:-1]
    assert len(said) == 2
    assert all(line.startswith("Tea ") and line.endswith(" 10.00") for line in said)


def test_nothing_to_recommend_is_an_empty_list_and_a_line_in_the_log(walk):
    anna, draft = b.client(), b.scenario()
    b.add(RecommendProducts, b.trunk(draft), kind="popular")
    b.sms(b.trunk(draft), body="{% for product in products %}{{ product.title }}{% else %}look around{% endfor %}")
    walk(draft, anna)
    assert Message.objects.get().body == "look around"
    assert RunLog.objects.get(step_type="RecommendProducts").reason == "nothing_to_recommend"


@pytest.mark.parametrize("variable", palette.VARIABLES + palette.OF_BURNING, ids=lambda variable: variable.code)
def test_whatever_the_palette_inserts_is_a_template_of_known_variables(variable):
    render.check(variable.code)
    assert variable.example


# The list of recommended products is always there, if empty, once the step is.
_MAYBE = [variable for variable in palette.OF_STEPS if "products" not in variable.code]


@pytest.mark.parametrize("variable", _MAYBE, ids=lambda variable: variable.code)
def test_what_a_step_may_not_have_given_has_a_default(variable):
    assert render.compiled(variable.code).render({}).strip() == ""
