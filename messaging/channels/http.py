"""HTTP calls to providers, on connections that are kept open.

A call either got an answer, or was certainly not made (`NotSent`), or nobody knows (`Unanswered`): which of the three
decides whether a message may be tried again (semantics §20).
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from django.conf import settings

from messaging.channels.base import Answer, later, unknown
from messaging.channels.public_net import Refused, judged, patience
from messaging.channels.wire import at_end

MAX_ANSWER = 1_000_000  # bytes that are read of an answer
MAX_TYPED = 64_000  # the same of an address that staff typed
KEPT_OPEN = 30.0  # seconds
LONGEST = timedelta(hours=24)  # that Retry-After may ask for


class NotSent(Exception):
    """The provider was not reached: nothing was sent."""


class Unanswered(Exception):
    """The request went out and no answer came."""


class Reach(Enum):
    """What may be called."""

    # A provider's address, fixed by the code or the environment.
    KNOWN = auto()
    # What staff typed: public addresses and those of WEBHOOK_ALLOW.
    TYPED = auto()
    # What staff typed without TLS: those of WEBHOOK_ALLOW alone.
    TYPED_PLAIN = auto()


@dataclass(frozen=True, slots=True)
class Said:
    """What the other side answered."""

    status: int
    body: bytes
    retry_after: timedelta | None = None

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None


async def call(
    method: str,
    url: str,
    *,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    data: Mapping[str, str] | bytes | None = None,
    params: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    typed: bool = False,
) -> Said:
    """Makes one call; redirects are not followed. `typed`: staff chose the address, so that it is judged first.

    Raises NotSent, Unanswered, and Refused for an address that must not be called.
    """
    reach = _judge(url) if typed else Reach.KNOWN
    session = _session(asyncio.get_running_loop(), reach)
    if auth:
        headers = {"Authorization": aiohttp.encode_basic_auth(*auth), **(headers or {})}
    if json is not None:
        data, headers = orjson.dumps(json), {"Content-Type": "application/json", **(headers or {})}
    try:
        async with session.request(
            method,
            url,
            headers=headers,
            data=data,
            params=params,
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 5)),
            allow_redirects=False,
        ) as response:
            return Said(
                response.status, await _read(response, MAX_TYPED if typed else MAX_ANSWER), _retry_after(response)
            )
    # Never the URL or headers in words: they may hold secrets.
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NotSent(type(error).__name__) from error
    except (aiohttp.InvalidURL, ValueError) as error:
        raise Refused("url: it cannot be called") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unanswered(type(error).__name__) from error


def trouble(said: Said) -> Answer | None:
    """The answers that mean the same of every provider: not now, not us. None for all others."""
    words = f"HTTP {said.status}"
    if said.status in (429, 503):
        return later(words, said.retry_after, account_waits=said.status == 429)
    if said.status in (401, 403, 404, 407):
        # The account is refused, not the message: staff mend it.
        return later(words)
    if said.status in (500, 502):
        return later(words)
    if said.status >= 500:
        # A gateway that waited for the provider in vain.
        return unknown(words)
    return None


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    found = b""
    async for piece in response.content.iter_any():
        found += piece
        if len(found) >= most:
            break
    return found[:most]


def _retry_after(response: aiohttp.ClientResponse) -> timedelta | None:
    said = response.headers.get("Retry-After", "")
    if not said:
        return None
    try:
        # A date is judged by the other side's own clock.
        wait = patience(said, parsedate_to_datetime(response.headers.get("Date", "")))
    except (TypeError, ValueError):
        wait = timedelta(seconds=int(said)) if said.isascii() and said.isdigit() and len(said) < 8 else None
    return min(wait, LONGEST) if wait is not None else None


def _judge(url: str) -> Reach:
    """Raises Refused for an address that can be told from its text."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise Refused("url: must be http(s)://host/… without a user name")
    reach = Reach.TYPED if parts.scheme == "https" else Reach.TYPED_PLAIN
    try:
        ip_address(parts.hostname)
    except ValueError:
        return reach
    _check([parts.hostname], reach)
    return reach


def _check(addresses: list[str], reach: Reach) -> None:
    found = judged(addresses, settings.WEBHOOK_ALLOW)
    if reach is Reach.TYPED_PLAIN and not all(allowed for _, allowed in found):
        raise Refused("url: an address outside must be https")


class _Judging(AbstractResolver):
    """Resolves a name once and judges what it stands for; the connection goes to the very address that was judged."""

    def __init__(self, reach: Reach) -> None:
        self._reach, self._resolver = reach, DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        _check([entry["host"] for entry in found], self._reach)
        return found

    async def close(self) -> None:
        await self._resolver.close()


# Sessions belong to the loop that they were made on: a fork has another one.
@lru_cache(maxsize=16)
def _session(_loop: asyncio.AbstractEventLoop, reach: Reach) -> aiohttp.ClientSession:
    # No name is remembered where it is judged: it may lead elsewhere the next time.
    resolver = None if reach is Reach.KNOWN else _Judging(reach)
    connector = aiohttp.TCPConnector(
        limit=0, keepalive_timeout=KEPT_OPEN, resolver=resolver, use_dns_cache=reach is Reach.KNOWN
    )
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "loyalty-platform"}
    )
    at_end(session.close)
    return session
