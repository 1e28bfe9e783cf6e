"""E-mail through a service with an API of its own, by django-anymail. Its libraries block: they run in threads."""

import asyncio
import socket
import threading
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from messaging.channels import email_text
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.channels.public_net import Refused, judged
from messaging.models import Message

# Connections are kept open: one set a thread, for the library's sessions are not to be shared.
_own = threading.local()


class Esp(Channel):
    """One account at one service. `options` are django-anymail's settings, by their names in small letters."""

    def __init__(self, service: str, options: dict[str, str], sender: str, timeout: float) -> None:
        self._key = (service, tuple(sorted(options.items())), timeout)
        # What a service cannot do (metadata, say) is left out rather than a reason not to send.
        values: dict[str, Any] = {"ignore_unsupported_features": True, "timeout": timeout, **options}
        self._connect = partial(get_connection, f"anymail.backends.{service}.EmailBackend", **values)
        self._sender, self._api_url = sender, options.get("api_url", "")

    async def send(self, message: Message) -> Answer:
        return await asyncio.to_thread(self._send, message)

    def _connection(self) -> BaseEmailBackend:
        known: dict[object, BaseEmailBackend] = _own.__dict__.setdefault("connections", {})
        if self._key not in known:
            _judge(self._api_url)
            known[self._key] = self._connect()
            known[self._key].open()
        return known[self._key]

    def _send(self, message: Message) -> Answer:
        try:
            email = email_text.compose(message, self._sender)
            # Comes back with everything that the service reports of the message.
            email.metadata = {"message": str(message.pk)}  # type: ignore[attr-defined]
            self._connection().send_messages([email])
        except AnymailRecipientsRefused as error:
            return refused(_words(error), suppress=True)
        except AnymailAPIError as error:
            return _refusal(error)
        except (Refused, socket.gaierror) as error:
            return later(_words(error))
        except (AnymailError, ValueError) as error:
            return refused(_words(error))
        except Exception as error:  # noqa: BLE001 (whatever a service's library raises, the message may be out)
            return unknown(_words(error))
        status = email.anymail_status  # type: ignore[attr-defined]
        if status.status and "failed" in status.status:
            return refused("the service could not take it")
        return accepted(status.message_id if isinstance(status.message_id, str) else "")


def _judge(url: str) -> None:
    """Staff type the address of some services (of its data centre): it must be public. Raises Refused, OSError."""
    if not url:
        return
    parts = urlsplit(url)
    found = judged([str(entry[4][0]) for entry in socket.getaddrinfo(parts.hostname, None)], settings.WEBHOOK_ALLOW)
    if parts.scheme != "https" and not all(allowed for _, allowed in found):
        raise Refused("url: an address outside must be https")


def _refusal(error: AnymailAPIError) -> Answer:
    status = getattr(error, "status_code", None)
    words = _words(error)
    if status is None:
        never = isinstance(error.__cause__, requests.ConnectTimeout) or "NewConnectionError" in repr(error.__cause__)
        return later(words) if never else unknown(words)
    if status == 429 or status in (401, 403) or 500 <= status < 504:
        headers = error.response.headers if error.response is not None else {}
        said = headers.get("Retry-After", "")
        wait = timedelta(seconds=int(said)) if said.isdigit() and len(said) < 8 else None
        return later(f"HTTP {status}: {words}", wait, account_waits=status == 429)
    return unknown(words) if status >= 500 else refused(f"HTTP {status}: {words}")


def _words(error: Exception) -> str:
    """The first line: the rest may repeat the request, with its address and text."""
    return str(error).split("\n", 1)[0][:300]
