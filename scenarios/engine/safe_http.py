"""POST to an address that staff typed, without letting it reach what is inside (SSRF).

The name is resolved once, every address it has is judged, and the connection goes to the very address that was
judged. Redirects are not followed. What is not public is reached only where WEBHOOK_ALLOW lists its network.
"""

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from messaging.channels.public_net import Address, Refused, judged

TIMEOUT = urllib3.Timeout(connect=5, read=10)  # seconds
PATIENCE = 15.0  # seconds for the whole answer
MAX_ANSWER = 64_000  # bytes that are read of an answer


class Unreachable(Exception):
    """Nobody answered, or not in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    body: bytes
    retry_after: str = ""


def post(url: str, body: bytes, headers: Mapping[str, str], allow: Sequence[str]) -> Answer:
    """Posts and reads the answer, whatever its status. `allow`: networks that may be called though not public.

    Raises Refused for an address that must not be called, Unreachable where there was no answer.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused(f"url: {error}") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise Refused("url: must be http(s)://host/… without a user name")
    port = port or (443 if parts.scheme == "https" else 80)
    address, inside = _judged(host, port, allow)
    if parts.scheme == "http" and not inside:
        raise Refused("url: an address outside must be https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    default = port == (443 if parts.scheme == "https" else 80)
    name = f"[{host}]" if ":" in host else host
    sent = {**headers, "Host": name if default else f"{name}:{port}"}
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            str(address), port, ssl_context=ssl.create_default_context(), server_hostname=host, assert_hostname=host
        )
    else:
        pool = urllib3.HTTPConnectionPool(str(address), port)
    deadline = time.monotonic() + PATIENCE
    with pool:
        try:
            answer = pool.urlopen(
                "POST", target, body=body, headers=sent, timeout=TIMEOUT, retries=False, redirect=False,
                preload_content=False, assert_same_host=False,
            )  # fmt: skip
            return Answer(answer.status, _read(answer, deadline), answer.headers.get("Retry-After", ""))
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # Never the URL or headers: they may hold secrets.
            raise Unreachable(type(error).__name__) from error


def _read(answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The beginning of the answer; one that drips is given up."""
    found = b""
    try:
        for piece in answer.stream(8_000):
            found += piece
            if len(found) >= MAX_ANSWER or time.monotonic() > deadline:
                break
    finally:
        answer.close()
    return found[:MAX_ANSWER]


def _judged(host: str, port: int, allow: Sequence[str]) -> tuple[Address, bool]:
    """The address to connect to, and whether it is allowed though inside."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"the name cannot be resolved: {type(error).__name__}") from error
    return judged([str(entry[4][0]) for entry in found], allow)[0]
