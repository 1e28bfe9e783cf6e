"""Servers of others, from npm, on loopback: installed once into `.local/parties`, started for the tests."""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[1] / ".local" / "parties"
PACKAGES = "package.json"
PATIENCE = 60  # seconds for a server to answer
INSTALLING = 300  # seconds for npm
LEAST_NODE = 18  # what Prism needs


def installed() -> Path:
    """The folder of the installed packages; skips the test where npm is missing or cannot install."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        _missing("no node and npm on the PATH")
    version = subprocess.run([str(node), "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0] or 0) < LEAST_NODE:
        _missing(f"node {version or 'of no version'} is older than {LEAST_NODE}")
    PLACE.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / PACKAGES).read_text()
    with (PLACE / "lock").open("w") as lock:
        # Test processes run side by side: one installs, the others wait for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = PLACE / "installed"
        if not done.exists() or done.read_text() != wanted:
            (PLACE / PACKAGES).write_text(wanted)
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
            command = [str(npm), "install", *quiet, "--fetch-retries=1", "--fetch-timeout=60000"]
            try:
                subprocess.run(command, cwd=PLACE, capture_output=True, text=True, timeout=INSTALLING, check=True)
            except subprocess.CalledProcessError as error:
                _missing(f"npm could not install {PACKAGES}: {error.stderr[-300:]}")
            except subprocess.TimeoutExpired:
                _missing(f"npm could not install {PACKAGES} within {INSTALLING} s")
            done.write_text(wanted)
    return PLACE / "node_modules"


def _missing(why: str) -> None:
    if os.environ.get("REQUIRE_PARTIES") == "1":
        pytest.fail(f"REQUIRE_PARTIES=1, but {why}")
    pytest.skip(f"{why}; REQUIRE_PARTIES=1 makes this a failure")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], port: int, log: Path) -> Iterator[str]:
    """Runs a server that listens on the port; gives its address, and ends it afterwards."""
    with log.open("w") as said:
        server = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=os.environ | {"NODE_PATH": str(PLACE / "node_modules")},
        )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(port):
            assert server.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < until, f"it did not start: {log.read_text()[-2000:]}"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
