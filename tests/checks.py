"""`make test` and `make lint`: every check in turn, each one run whatever the others said.

    python -m tests.checks lint
    python -m tests.checks all [arguments for pytest]

Ends with a status of 1 when any failed. All steps share one throw-away PostgreSQL and Valkey, unless DATABASE_URL
and REDIS_URL are given.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from config.local_services import LocalServiceError, start_temporary

ROOT = Path(__file__).resolve().parent.parent
PARALLEL = 2  # test processes: more would starve the servers and browsers they start on a small machine

# What an installation behind a TLS proxy sets; `check --deploy` has to be silent with it.
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "a-key-for-the-deployment-check-only-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "loyalty.example.com",
    "PUBLIC_URL": "https://loyalty.example.com",
    "BEHIND_PROXY": "1",
}

Step = tuple[str, list[str]]


def static_steps() -> list[Step]:
    """Checks that run nothing of ours but the settings."""
    manage = [sys.executable, "manage.py"]
    binaries = Path(sys.executable).parent
    return [
        ("ruff check", [sys.executable, "-m", "ruff", "check", "."]),
        ("ruff format", [sys.executable, "-m", "ruff", "format", "--check", "."]),
        ("import contracts", [str(binaries / "lint-imports"), "--no-logo"]),
        ("types", [sys.executable, "-m", "mypy"]),
        ("migrations", [*manage, "makemigrations", "--check", "--dry-run"]),
        ("deployment", [*manage, "check", "--deploy", "--fail-level", "WARNING"]),
    ]


def pytest_step(arguments: list[str]) -> Step:
    return ("pytest", [sys.executable, "-m", "pytest", "-n", str(PARALLEL), "--dist", "worksteal", *arguments])


def main(what: str, arguments: list[str]) -> int:
    began = time.monotonic()
    steps = static_steps() + ([pytest_step(arguments)] if what == "all" else [])
    services, urls = None, {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    try:
        if not all(urls.values()):
            services = start_temporary()
            urls = {name: url or services.environment[name] for name, url in urls.items()}
        failed = [name for name, command in steps if not passes(name, command, os.environ | PRODUCTION | urls)]
    except LocalServiceError as error:
        return say(f"error: {error}", 1)
    except KeyboardInterrupt:
        return say("Interrupted.", 130)
    finally:
        if services:
            services.drop()
    took = f"in {time.monotonic() - began:.0f} s"
    return say(f"Failed {took}: {', '.join(failed)}", 1) if failed else say(f"All checks passed {took}.", 0)


def passes(name: str, command: list[str], environment: dict[str, str]) -> bool:
    say(f"── {name}", 0)
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    say(f"── {name}: {'failed' if done.returncode else 'passed'} ({time.monotonic() - began:.1f} s)", 0)
    return done.returncode == 0


def say(line: str, status: int) -> int:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("lint" | "all") as what, *arguments]:
            sys.exit(main(what, arguments))
        case _:
            sys.exit("usage: python -m tests.checks lint|all [arguments for pytest]")
