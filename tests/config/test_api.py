"""The description of the API and its page."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command


def test_the_schema_is_valid_and_without_warnings(tmp_path, capsys):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))
    assert "Warning" not in capsys.readouterr().err


@pytest.fixture
def schema(client) -> dict:
    answer = client.get("/api/schema/?format=json", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    return answer.json()


def test_every_operation_needs_a_key_and_tells_its_problems(schema):
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert len(operations) > 15
    for operation in operations:
        assert operation["security"] == [{"apiKey": []}]
        assert "application/problem+json" in operation["responses"]["400"]["content"]
        assert operation["tags"]
        assert operation["description"]


def test_every_post_names_its_idempotency_key(schema):
    posts = [path["post"] for path in schema["paths"].values() if "post" in path]
    assert posts
    for post in posts:
        assert "Idempotency-Key" in {parameter["name"] for parameter in post["parameters"]}


def test_every_list_is_a_page(schema):
    pages = [name for name in schema["components"]["schemas"] if name.startswith("Paginated")]
    assert pages
    for name in pages:
        assert schema["components"]["schemas"][name]["required"] == ["results", "next", "previous"]


def test_the_page_is_served_from_here_alone(client):
    answer = client.get("/api/docs/")
    assert answer.status_code == 200
    text = answer.content.decode()
    assets = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert assets
    for address in assets:
        assert address.startswith("/"), address
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/"))
    assert "<script>" not in text  # the content policy allows none inside the page
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    script = client.get(next(address for address in assets if "script" in address))
    assert script.status_code == 200
