import pytest

# What a life asserts shall be told as fully as what a test asserts.
pytest.register_assert_rewrite("tests.scenarios.lives")
