"""What goes into the log: no phone, no e-mail, no text (contract §5)."""

import json
import logging

import pytest
from rq import Queue

from config.logs import JsonFormatter
from config.workers import SteadyWorker
from tests import builders as b

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged(client, caplog):
    """The lines that a request leaves."""

    def ask(path: str, **query: str) -> list[dict]:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            client.get(path, query)
        return [json.loads(JsonFormatter().format(record)) for record in caplog.records]

    return ask


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/v1/clients/+79991234567/balance/", "api/v1/clients/"),
        ("/api/v1/messages/?search=anna@example.com", "api/v1/messages/"),
        ("/nowhere/+79991234567/", ""),
    ],
)
def test_a_refused_request_is_told_without_its_address(logged, path, route):
    b.client(phone="+79991234567", email="anna@example.com")
    (line,) = logged(path)
    assert line["status_code"] in (401, 404)
    assert line["route"].startswith(route)
    assert "79991234567" not in str(line)
    assert "anna" not in str(line)


def test_a_failed_job_is_told_without_what_its_error_quotes(valkey, caplog):
    queue = Queue("runs", connection=valkey)
    queue.enqueue("tests.config.dummies.fail")
    with caplog.at_level(logging.INFO):
        SteadyWorker([queue], connection=valkey).work(burst=True)
    lines = [JsonFormatter().format(record) for record in caplog.records]
    (told,) = [line for line in lines if "tests.config.dummies.fail" in line and '"ERROR"' in line]
    assert "builtins.ValueError at dummies.py" in told
    assert not [line for line in lines if "as intended" in line]
