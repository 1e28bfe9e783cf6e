"""Jobs for the tests of queues and workers."""

import os
import time
from pathlib import Path

from django.db import connection


def leave_pid() -> None:
    """Tells who ran it, in the file that the environment names."""
    with Path(os.environ["DUMMY_FILE"]).open("a") as file:
        file.write(f"{os.getpid()}\n")


def hang() -> None:
    leave_pid()
    time.sleep(60)


def fail() -> None:
    raise ValueError("as intended")


def leave_pid_through_the_database() -> None:
    from_database()
    leave_pid()


def from_database() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]
