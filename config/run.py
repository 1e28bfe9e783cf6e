"""`make run`: the whole installation in one terminal, for trial and development (contract §1).

Starts what is missing, prepares the database, then keeps web, workers and scheduler until Ctrl-C, SIGTERM or the
end of one of them, and ends everything that it started. Production runs the three processes under its own supervisor
(docs/operations.md).
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import django
import psycopg
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from redis import RedisError

from config import local_services

ADMIN = "admin"
GRACE = 15  # seconds for a process to end by itself
MOST_WORKERS = 4  # processes; a trial does not need a big machine's every core


class StopAskedFor(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal, while the installation is being prepared."""


def main() -> int:
    """Runs until told to stop; answers the exit status."""
    stop = _Stop()
    started = False
    try:
        port = free_port(os.environ.get("PORT") or "8000")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        os.environ["DEBUG"] = os.environ.get("DEBUG") or "1"
        os.environ["PUBLIC_URL"] = os.environ.get("PUBLIC_URL") or f"http://127.0.0.1:{port}"
        if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
            started = local_services.start()[1]
            local_services.ensure_urls()
            local_services.remember_public_url(os.environ["PUBLIC_URL"])
        django.setup()
        password = prepare()
        return keep(commands(port), stop, banner(password), port)
    except StopAskedFor:
        say("Stopped.")
        return 130
    except (local_services.LocalServiceError, ImproperlyConfigured, CommandError, PortError) as error:
        return fail(str(error))
    except (DatabaseError, psycopg.Error) as error:
        return fail(f"the database refuses: {_first_line(error)}")
    except RedisError as error:
        return fail(f"Redis refuses: {_first_line(error)}")
    except OSError as error:
        return fail(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    finally:
        stop.deaf()
        if started:
            local_services.stop()


class PortError(Exception):
    """PORT cannot be used."""


def free_port(text: str) -> int:
    """PORT as a number that nobody listens on."""
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise PortError(f"PORT must be a number from 1 to 65535, not {text!r}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except PermissionError as error:
            raise PortError(f"port {text} needs more rights: choose one above 1023, PORT=8001 make run") from error
        except OSError as error:
            raise PortError(f"port {text} is in use: choose another, PORT={int(text) + 1} make run") from error
    return int(text)


def prepare() -> str | None:
    """Brings the database up to date and loads the demo shop; answers the admin's password if it made one."""
    say("Preparing the database …")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("demo")
    password = None
    if not get_user_model().objects.filter(username=ADMIN).exists():
        password = secrets.token_urlsafe(9)
        get_user_model().objects.create_superuser(ADMIN, password=password)
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    if not settings.DEBUG:
        call_command("collectstatic", interactive=False, verbosity=0)
    connections.close_all()
    return password


def banner(password: str | None) -> str:
    """What the newcomer has to know."""
    shown = password or "as printed by the first run (another: .venv/bin/python manage.py changepassword admin)"
    return (
        f"\n  Admin:    {settings.PUBLIC_URL}/admin/\n  User:     {ADMIN}\n  Password: {shown}\n\n"
        "  Ctrl-C stops everything; the data stays.\n"
    )


def commands(port: int) -> dict[str, list[str]]:
    """The three kinds of processes of an installation."""
    manage = [sys.executable, "manage.py"]
    web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--worker-class", "gthread", "--workers", "2"]
    return {
        "web": [*web, "--threads", "8", "--bind", f"127.0.0.1:{port}", "--log-level", "warning", "--no-control-socket"],
        "worker": [*manage, "worker", "--processes", str(min(os.cpu_count() or 1, MOST_WORKERS))],
        "scheduler": [*manage, "scheduler"],
    }


def keep(processes: dict[str, list[str]], stop: "_Stop", ready: str, port: int) -> int:
    """Starts the processes, says `ready` once the web answers, and ends all of them when one ends or `stop` is set."""
    stop.raising = False
    running: dict[str, subprocess.Popen] = {}
    status = 0
    try:
        for name, command in processes.items():
            # A session of their own: Ctrl-C reaches us alone, and we end them in order.
            running[name] = subprocess.Popen(
                command, cwd=local_services.ROOT, stdin=subprocess.DEVNULL, start_new_session=True
            )
        said, terminal = False, sys.stdout.isatty()
        # A terminal that went away ends us too, though `make` above us may swallow its signal.
        while not stop.asked and sys.stdout.isatty() == terminal:
            ended = [name for name, process in running.items() if process.poll() is not None]
            if ended:
                status = fail(f"{ended[0]} ended with status {running[ended[0]].returncode}; stopping the others")
                break
            if not said and _answers(port):
                say(ready)
                said = True
            time.sleep(0.1)
    finally:
        say("Stopping …")
        _end(running, stop)
    return status


def _end(running: dict[str, subprocess.Popen], stop: "_Stop") -> None:
    """Asks the processes to end; kills, with everything below them, those that do not (or at the second Ctrl-C)."""
    for process in running.values():
        process.terminate()
    asked, deadline = stop.asked, time.monotonic() + GRACE
    while any(process.poll() is None for process in running.values()):
        if time.monotonic() > deadline or stop.asked > asked:
            for process in running.values():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.05)


class _Stop:
    """Counts the requests to stop; before the processes run, a request breaks off what is being done."""

    def __init__(self) -> None:
        self.asked = 0
        self.raising = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, *signal_and_frame: object) -> None:
        self.asked += 1
        if self.raising:
            raise StopAskedFor

    def deaf(self) -> None:
        """From here on only the end is left to do."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def say(line: str) -> None:
    """Prints a line; a terminal that is gone does not keep us from stopping."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of this process


def fail(line: str) -> int:
    with suppress(OSError):
        sys.stderr.write(f"error: {line}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
