"""Settings from the environment (docs: contract §1), read once, with errors that name the variable."""

from ipaddress import ip_network
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent

env = environ.Env()

LANGUAGES = ("en", "ru")


def secret_key(debug: bool) -> str:
    """SECRET_KEY, required when DEBUG is off; a fixed key serves development only."""
    key = env.str("SECRET_KEY", default="")
    if key:
        return key
    if not debug:
        raise ImproperlyConfigured("SECRET_KEY must be set when DEBUG is off")
    return "development-only-key-never-used-when-debug-is-off"


def language() -> str:
    """LANGUAGE_CODE, one of the two languages that the product speaks."""
    code = env.str("LANGUAGE_CODE", default="en")
    if code not in LANGUAGES:
        raise ImproperlyConfigured(f"LANGUAGE_CODE must be one of {', '.join(LANGUAGES)}, not {code!r}")
    return code


def database() -> dict:
    """DATABASE_URL as a Django database."""
    url = env.str("DATABASE_URL", default="")
    if not url:
        raise ImproperlyConfigured(
            "DATABASE_URL is not set. Set it, or run through `make run` or `.venv/bin/python manage.py`,"
            " which start the embedded PostgreSQL"
        )
    config = env.db_url_config(url)
    if "postgresql" not in config["ENGINE"]:
        raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database (postgres://…)")
    # Statements that a connection runs for the sixth time are planned once: the hot paths run a few large ones over
    # and over. Behind a PgBouncer that keeps no prepared statements: PREPARE_STATEMENTS=0.
    threshold = 5 if env.bool("PREPARE_STATEMENTS", default=True) else None
    config["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": threshold} | config.get("OPTIONS", {})
    return config


def networks(name: str) -> list[str]:
    """A list of networks or addresses, empty unless set."""
    found = env.list(name, default=[])
    for network in found:
        try:
            ip_network(network, strict=False)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}") from None
    return found


def redis_url() -> str:
    """REDIS_URL: Redis or Valkey. It carries nudges and job ids only (semantics §8)."""
    url = env.str("REDIS_URL", default="")
    if not url:
        raise ImproperlyConfigured(
            "REDIS_URL is not set. Set it, or run through `make run` or `.venv/bin/python manage.py`,"
            " which start the embedded Valkey"
        )
    return url


def email() -> dict:
    """EMAIL_URL as Django's EMAIL_* settings; `sink://` keeps messages in the database for staff to read."""
    url = env.str("EMAIL_URL", default="sink://")
    if url.startswith("sink:"):
        return {"EMAIL_BACKEND": "messaging.channels.sink.EmailBackend"}
    return env.email_url_config(url)
