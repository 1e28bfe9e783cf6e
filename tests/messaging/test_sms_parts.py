"""How many parts an SMS takes: the same in Python and in SQL."""

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from messaging.services import sms_parts


def _in_sql(text):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sms_parts.parts_sql('said')} FROM (SELECT %(text)s::text AS said) AS m",
            {"text": text} | sms_parts.PARAMETERS,
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("a" * 69 + "я", 1),
        ("a" * 70 + "я", 2),
    ],
)
@pytest.mark.django_db
def test_a_text_has_so_many_parts(text, parts):
    assert (sms_parts.parts(text), _in_sql(text)) == (parts, parts)


@given(st.text(st.sampled_from(sms_parts.GSM + sms_parts.EXTENSION + "яё😀漢`"), max_size=400))
@pytest.mark.django_db
def test_sql_counts_as_python_does(text):
    assert _in_sql(text) == sms_parts.parts(text)


@given(st.text(st.sampled_from(sms_parts.GSM + sms_parts.EXTENSION), min_size=70, max_size=400))
@pytest.mark.django_db
def test_sql_counts_plain_texts_as_python_does(text):
    assert _in_sql(text) == sms_parts.parts(text)
