"""Makes `.venv` and installs the locked dependencies; run by the Makefile with the system's Python.

Standard library only: nothing else is there yet. What fails is told in one line; the whole story is in the log.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed"
LOG = ROOT / ".local" / "install.log"

# What pip says, and what it means for the reader.
REASONS = (
    (("No space left on device",), "the disk is full"),
    (
        ("gcc", "cc1", "error: command", "compiler", "Python.h"),
        "a package has to be compiled and the compiler is missing",
    ),
    (("THESE PACKAGES DO NOT MATCH THE HASHES",), "a downloaded package differs from the locked one"),
    (
        ("Temporary failure in name resolution", "Connection refused", "NewConnectionError", "timed out", "SSLError"),
        "the package index cannot be reached",
    ),
    (("No matching distribution", "from versions: none"), "a locked package does not exist for this Python and system"),
    (("Permission denied",), "a folder is not writable"),
)


def main() -> None:
    """Brings `.venv` up to requirements-dev.txt."""
    LOG.parent.mkdir(exist_ok=True)
    began = time.monotonic()
    python = VENV / "bin" / "python"
    say("Installing the dependencies into .venv (the first time takes about a minute) …")
    with LOG.open("w") as log:
        if not works(python):
            run([sys.executable, "-m", "venv", "--clear", str(VENV)], log, "make .venv")
        run(
            [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"]
            + ["-r", str(ROOT / "requirements-dev.txt")],
            log,
            "install the dependencies",
        )
    STAMP.touch()
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def works(python: Path) -> bool:
    """Whether this virtual environment is whole: a moved or half-made one is made anew."""
    check = [str(python), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return python.exists() and subprocess.run(check, stderr=subprocess.DEVNULL).returncode == 0


def run(command: list[str], log: TextIO, doing: str) -> None:
    """Runs one step, its output into the log; ends with one line if it fails."""
    log.flush()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"error: cannot {doing}: {reason(LOG.read_text(errors='replace'))} (all of it: {LOG})")


def reason(output: str) -> str:
    """The meaning of pip's output, or its last line that speaks of an error."""
    for signs, meaning in REASONS:
        if any(sign in output for sign in signs):
            return meaning
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "error" in line.lower()), (lines or ["no reason given"])[-1])


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
    except OSError as error:
        sys.exit(f"error: {error.strerror}: {error.filename or ROOT}")
