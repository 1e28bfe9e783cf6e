"""`make run` before anything is started, and the installer: one clear line each (contract §1)."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config import bootstrap, run

ROOT = Path(__file__).parents[2]


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
