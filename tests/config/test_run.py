"""`make run` before anything is started, and the installer: one clear line each (contract §1)."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from config import bootstrap, run
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty_database():
    """The URL of a database of this test's own."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = f"run_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    yield url._replace(path=f"/{name}").geturl()
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def installation(empty_database, own_valkey, tmp_path):
    """Starts `make run`'s command on services of its own; everything below it is killed at the end."""
    own_valkey.start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    urls = {"DATABASE_URL": empty_database, "REDIS_URL": own_valkey.url, "PORT": str(port), "DEBUG": "1"}
    urls["PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    started: list[subprocess.Popen] = []

    def start() -> tuple[subprocess.Popen, Path, int]:
        output = tmp_path / f"output{len(started)}"
        with output.open("w") as file:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "config.run"],
                    cwd=ROOT,
                    env=os.environ | urls,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
            )
        return started[-1], output, port

    yield start
    for process in started:
        if process.poll() is None:
            for pid in below(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()


def below(pid: int) -> list[int]:
    """Every process that descends from `pid`."""
    table = subprocess.run(["ps", "-eo", "ppid=,pid="], capture_output=True, text=True).stdout.split()
    parents = {int(child): int(parent) for parent, child in zip(table[::2], table[1::2], strict=True)}
    found = [pid]
    for ancestor in found:
        found += [child for child, parent in parents.items() if parent == ancestor]
    return found[1:]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_everything_runs_from_an_empty_database_and_ends_at_a_signal(installation):
    process, output, port = installation()
    until(lambda: "Ctrl-C stops everything" in output.read_text(), 120)
    first = output.read_text()
    assert f"http://127.0.0.1:{port}/admin/" in first
    assert "Password: as printed" not in first
    assert (status_of(port, "/readyz"), status_of(port, "/admin/login/")) == (200, 200)
    processes = below(process.pid)
    assert len(processes) >= 5  # gunicorn and its two workers, the pool, the scheduler

    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert [pid for pid in processes if alive(pid)] == []

    process, output, port = installation()
    until(lambda: "Ctrl-C stops everything" in output.read_text(), 60)
    assert "Password: as printed by the first run" in output.read_text()
    processes = below(process.pid)
    process.terminate()
    assert process.wait(30) == 0
    assert [pid for pid in processes if alive(pid)] == []


def test_a_port_in_use_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "config.run"], cwd=ROOT, env={"PORT": str(port)}, capture_output=True, text=True
        )
    assert done.returncode == 1
    assert done.stderr == f"error: port {port} is in use: choose another, PORT={port + 1} make run\n"
    assert done.stdout == ""


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "8000.0"])
def test_an_unusable_port_is_told(text):
    with pytest.raises(run.PortError, match="PORT must be a number"):
        run.free_port(text)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("building\nerror: command 'gcc' failed: No such file", "a package has to be compiled and the compiler"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "differs from the locked one"),
        ("WARNING: Retrying: NewConnectionError\nERROR: No matching distribution found", "cannot be reached"),
        ("fine\nERROR: something new\ntrailing", "ERROR: something new"),
    ],
)
def test_what_pip_says_becomes_one_line(output, line):
    assert line in bootstrap.reason(output)


def test_a_missing_or_broken_environment_is_made_anew(tmp_path):
    assert bootstrap.works(Path(sys.executable))
    assert not bootstrap.works(tmp_path / "python")
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    assert not bootstrap.works(tmp_path / "python")
