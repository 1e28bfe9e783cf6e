"""Every benchmark runs, at a tiny size, and says what contract §6 asks for. How fast it is, is no test's matter."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from benchmarks import harness
from benchmarks.run import BENCHMARKS

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"name", "size", "seconds", "per_second", "floor_per_second", "ratio", "peak_rss_mb"}


@pytest.fixture(scope="session")
def tables() -> Iterator[str]:
    """The name of a database with the product's tables, for benchmarks to start from."""
    server, name = os.environ["DATABASE_URL"], f"benchmark_tables_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        environment = os.environ | {"DATABASE_URL": harness.named(server, name)}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
        yield name
        admin.execute(f'DROP DATABASE "{name}"')


def run(*arguments: str, template: str = "template1") -> tuple[int, str, str]:
    """Exit status, output and errors; no database of the run is left behind."""
    with subprocess.Popen(
        [sys.executable, "benchmarks/run.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"BENCHMARK_TEMPLATE": template},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said, errors = process.communicate(timeout=240)
    with psycopg.connect(os.environ["DATABASE_URL"]) as server:
        name = f"loyalty_benchmark_{process.pid}_%"
        left = server.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [name]).fetchall()
    assert left == []
    return process.returncode, said, errors


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_prints_the_figures_of_the_contract_as_json(name, tables):
    status, said, errors = run(name, "--size", "100", "--json", template=tables)

    assert status == 0, errors
    told = json.loads(said)
    assert told.keys() >= KEYS
    assert told["name"] == name
    assert told["size"] >= 100
    assert all(told[key] > 0 for key in KEYS - {"name", "size"})
    if name == "latency":
        assert 0 < told["p50_ms"] <= told["p99_ms"]


def test_without_json_a_benchmark_makes_its_tables_and_prints_one_line_for_people():
    status, said, errors = run("enrol", "--size", "50")

    assert status == 0, errors
    assert len(said.splitlines()) == 1
    assert said.startswith("enrol")
    assert "ratio" in said


@pytest.mark.parametrize(
    ("arguments", "words"), [(("nothing",), "there is no benchmark"), (("enrol", "--size", "0"), "at least 1")]
)
def test_a_wrong_argument_is_told_in_words(arguments, words):
    status, _, errors = run(*arguments)

    assert status == 2
    assert words in errors
