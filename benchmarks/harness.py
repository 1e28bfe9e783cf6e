"""What the benchmarks share: a throw-away database, fair rounds of product and floor, and the result."""

import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connection
from django.db import connections as django_connections
from django.db.models import Model
from redis import Redis

from config import local_services
from config.run import commands

# What a program may skip only at the price of losing what it answered for.
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass
class Result:
    """One benchmark beside its floor; rates are per second, and `ratio` is rate / floor rate."""

    name: str
    size: int
    seconds: float
    per_second: float
    floor_per_second: float
    ratio: float
    peak_rss_mb: float
    extra: dict[str, object] = field(default_factory=dict)

    def json(self) -> str:
        """The object of contract §6, on one line."""
        told = asdict(self)
        extra = told.pop("extra") | not_durable()
        return json.dumps({name: _round(value) for name, value in (told | extra).items()})

    def line(self) -> str:
        """One line for people."""
        extra = "".join(f"  {name} {_round(value)}" for name, value in (self.extra | not_durable()).items())
        return (
            f"{self.name:8} {self.size:>9,} in {self.seconds:.1f} s: {self.per_second:,.0f}/s"
            f"  floor {self.floor_per_second:,.0f}/s  ratio {self.ratio:.2f}  peak {self.peak_rss_mb:.0f} MB{extra}"
        )


def _round(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


def compare(
    name: str, size: int, products: list[float], floors: list[float], each: int, peak_mb: float, **extra: object
) -> Result:
    """The result of rounds of `each` items, by the median seconds of either side."""
    rate, floor = each / median(products), each / median(floors)
    return Result(name, size, sum(products), rate, floor, rate / floor, peak_mb, extra)


def rounds(count: int, product: Callable[[int], None], floor: Callable[[int], None]) -> tuple[list[float], list[float]]:
    """Seconds of every round of either side, in turn and by turns first, so that noise and growth hit both alike."""
    taken: dict[Callable[[int], None], list[float]] = {product: [], floor: []}
    for number in range(count):
        for side in (product, floor) if number % 2 == 0 else (floor, product):
            began = time.perf_counter()
            side(number)
            taken[side].append(time.perf_counter() - began)
    return taken[product], taken[floor]


def side_by_side(work: Callable[[int], object], number: int) -> None:
    """Does `work(0)` to `work(number - 1)` at once; raises what any of them raised."""
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(work, range(number)))


def say(words: str) -> None:
    """Progress, where a person watches."""
    if sys.stderr.isatty():
        sys.stderr.write(words + "\n")


def peak_rss_mb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peak_rss_mb_of(pid: int) -> float:
    """The most memory that a running process has held; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")), 0.0)
    except OSError:
        return 0.0


@contextmanager
def throw_away_services() -> Iterator[None]:
    """A database on the server of DATABASE_URL (else the embedded one) and an empty Redis number, dropped at the end.

    The settings read both from the environment: call before `django.setup()`. BENCHMARK_TEMPLATE may name a database
    whose tables are made already: many small runs need not make them each.
    """
    local_services.ensure_urls()
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    os.environ |= {"DEBUG": "0", "ALLOWED_HOSTS": "127.0.0.1,localhost", "PUBLIC_URL": "http://127.0.0.1:8000"}
    os.environ |= {"EMAIL_URL": "sink://", "LOG_LEVEL": "WARNING"}
    server = os.environ["DATABASE_URL"]
    name = f"loyalty_benchmark_{os.getpid()}_{secrets.token_hex(3)}"
    redis = _empty_redis(os.environ["REDIS_URL"])
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{os.environ.get("BENCHMARK_TEMPLATE", "template1")}"')
        os.environ["DATABASE_URL"] = named(server, name)
        try:
            yield
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            redis.flushdb()
            redis.close()


def named(server: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def _empty_redis(url: str) -> Redis:
    """A number of the same Redis that holds nothing; REDIS_URL names it from now on."""
    for number in range(15, 0, -1):
        own = named(url, str(number))
        redis = Redis.from_url(own)
        if redis.dbsize() == 0:
            os.environ["REDIS_URL"] = own
            return redis
    sys.exit("error: no Redis number from 1 to 15 is empty")


def migrate() -> None:
    """Makes the tables."""
    say("making the tables …")
    call_command("migrate", interactive=False, verbosity=0)


def settle() -> None:
    """Leaves no work of the set-up to the measured rounds: statistics, hint bits, dirty pages."""
    connection.cursor().execute("VACUUM ANALYZE")
    connection.cursor().execute("CHECKPOINT")


def floor_connection() -> psycopg.Connection:
    """A plain psycopg connection to the benchmark's database."""
    return psycopg.connect(os.environ["DATABASE_URL"])


@contextmanager
def connections(number: int) -> Iterator[list[psycopg.Connection]]:
    """So many plain psycopg connections."""
    with ExitStack() as stack:
        yield [stack.enter_context(floor_connection()) for _ in range(number)]


@dataclass
class Processes:
    """Processes of an installation, as `make run` starts them."""

    port: int
    running: list[subprocess.Popen]

    def peak_rss_mb(self) -> float:
        """The most memory that any of them, or of their children, has held."""
        return max(peak_rss_mb_of(pid) for process in self.running for pid in (process.pid, *_children(process.pid)))

    def cpu_seconds(self) -> list[float]:
        """Seconds of processor that each of them, with its children, has used."""
        return [sum(map(_cpu_seconds, (process.pid, *_children(process.pid)))) for process in self.running]


@contextmanager
def installation(*names: str) -> Iterator[Processes]:
    """Starts these processes (web, worker, scheduler), waits for the web to answer, and ends them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    wanted = commands(port)
    running = [
        subprocess.Popen(wanted[name], cwd=local_services.ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
        for name in names
    ]
    try:
        deadline = time.monotonic() + 60
        while not _answers(port):
            if time.monotonic() > deadline or any(process.poll() is not None for process in running):
                sys.exit("error: the web processes did not start")
            time.sleep(0.1)
        yield Processes(port, running)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST, ready to be sent."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Caller:
    """An HTTP connection that costs the machine next to nothing: it shares the processors with what it measures."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._socket: socket.socket | None = None

    def call(self, ready: bytes) -> bytes:
        """Sends a request and answers the body of a 200; anything else ends the benchmark."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=60)
        self._socket.sendall(ready)
        said = b""
        while (end := said.find(b"\r\n\r\n")) < 0:
            said += self._more()
        head, body = said[:end].lower(), said[end + 4 :]
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += self._more()
        if b"connection: close" in head:
            self.close()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"error: the web answered {head.split(b' ')[1].decode()}: {body[:500]!r}")
        return body

    def _more(self) -> bytes:
        part = self._socket.recv(65536) if self._socket else b""
        if not part:
            raise SystemExit("error: the web closed the connection")
        return part

    def close(self) -> None:
        """Ends the connection; the next call makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _cpu_seconds(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return [int(child) for child in children.read().split()]
    except OSError:
        return []


def blanks(model: type[Model], told: str) -> dict[str, object]:
    """The defaults of the columns beside `told` (names and commas) that must not be null and have no default in the
    database: a floor that lists them by hand would have to follow every migration."""
    names = {name.strip() for name in told.split(",")}
    fields = (
        f
        for f in model._meta.concrete_fields
        if not (f.primary_key or f.null or f.has_db_default() or f.attname in names)
    )
    return {field.attname: field.get_db_prep_save(field.get_default(), connection) for field in fields}


def not_durable() -> dict[str, object]:
    """The server's settings that make its answers worth less; empty where every commit is durable."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) AND setting <> 'on'", [list(DURABLE)]
        )
        return dict(cursor.fetchall())


def close() -> None:
    """Ends Django's connections, so that the database can be dropped."""
    django_connections.close_all()
