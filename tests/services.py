"""A pytest plugin: gives the tests a PostgreSQL and a Valkey of their own unless DATABASE_URL / REDIS_URL are set.

It is loaded by `-p` (pyproject.toml), for the URLs have to be there before Django's settings are read. The process
that starts pytest starts the services, once; each xdist worker then has its own test database (pytest-django makes
it) and its own Redis database by number. That number is flushed by tests: never point REDIS_URL at one that matters.
"""

import atexit
import os
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.local_services import LocalServiceError, Services, start_temporary

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": "tests-only-" + "k" * 50,
    "DEBUG": "0",
    "ALLOWED_HOSTS": "*",
    "PUBLIC_URL": "http://testserver",
    "LANGUAGE_CODE": "en",
    "TIME_ZONE": "Europe/Moscow",
    "EMAIL_URL": "sink://",
}

_services: Services | None = None


def redis_of_worker(url: str, worker: str) -> str:
    """The Redis URL of an xdist worker ("gw0"…): the controller keeps the given number, workers count on from it."""
    parts = urlsplit(url)
    number = int(parts.path.strip("/") or 0) + (int(worker.removeprefix("gw")) + 1 if worker else 0)
    return urlunsplit(parts._replace(path=f"/{number}"))


def _prepare() -> None:
    global _services
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        os.environ["REDIS_URL"] = redis_of_worker(os.environ["REDIS_URL"], worker)
        return
    os.environ.update(ENVIRONMENT)
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if missing:
        try:
            _services = start_temporary()
        except LocalServiceError as error:
            pytest.exit(f"error: {error}", returncode=3)
        os.environ.update({name: _services.environment[name] for name in missing})


def _drop(owner: int) -> None:
    """Ends the services, in the process that started them only: forked children inherit this handler."""
    if _services and os.getpid() == owner:
        _services.drop()


_prepare()
atexit.register(_drop, os.getpid())
