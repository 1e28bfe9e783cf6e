"""Messages through Twilio, by the provider's own client on our own connections."""

import logging
from collections.abc import Collection
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from messaging.channels import http
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.models import Message

API = "https://api.twilio.com"

# Error codes that say the number itself cannot be written to: not a number, not a mobile one, has said STOP.
BAD_NUMBER = {21211, 21214, 21217, 21610, 21612, 21614}
# Messages of one number that are looked through for one whose sender died.
LOOKED_THROUGH = 50


class _Busy(Exception):
    """The provider asks for patience."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.answer = answer


class _Http(AsyncHttpClient):
    """The client's transport: another host where TWILIO_API_BASE says so, and Retry-After kept."""

    def __init__(self, base: str, timeout: float) -> None:
        super().__init__(logging.getLogger("twilio"), True, timeout)
        self._base = (base or API).rstrip("/")

    async def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        timeout: Any = None,
        allow_redirects: bool = False,
    ) -> Response:
        said = await http.call(
            method,
            url.replace(API, self._base, 1),
            timeout=timeout or self.timeout,
            headers=headers,
            data={name: str(value) for name, value in (data or {}).items()} or None,
            params={name: str(value) for name, value in (params or {}).items()} or None,
            auth=auth,
        )
        if said.status in (429, 503):
            raise _Busy(later(f"HTTP {said.status}", said.retry_after, account_waits=said.status == 429))
        return Response(said.status, said.body.decode(errors="replace"), {})


@lru_cache(maxsize=64)
def _client(sid: str, token: str, base: str, timeout: float) -> Client:
    return Client(sid, token, http_client=_Http(base, timeout))


class Twilio(Channel):
    """One account of Twilio. The library does not retry by itself; the outbox does."""

    def __init__(self, sid: str, token: str, sender: str, base: str, timeout: float) -> None:
        self._client = _client(sid, token, base, timeout)
        self._sender = sender

    async def send(self, message: Message) -> Answer:
        try:
            sent = await self._client.messages.create_async(**self._request(message))
        except _Busy as error:
            return error.answer
        except TwilioRestException as error:
            if error.status >= 500 or error.status in (401, 403):
                return later(f"HTTP {error.status}: {error.msg}")
            return refused(f"{error.code}: {error.msg}", suppress=error.code in BAD_NUMBER)
        except http.NotSent as error:
            return later(str(error))
        except (http.Unanswered, TwilioException, ValueError) as error:
            return unknown(f"{type(error).__name__}: {error}")
        return accepted(sent.sid or "")

    async def find(self, message: Message, known: Collection[str]) -> Answer | None:
        """Twilio lists the messages to a number: one that we do not know of and that says the same is ours."""
        since = message.claimed_at - timedelta(minutes=5) if message.claimed_at else message.created_at
        try:
            listed = await self._client.messages.list_async(
                to=self._number(message), date_sent_after=since, limit=LOOKED_THROUGH
            )
        except (_Busy, TwilioException, http.NotSent, http.Unanswered, ValueError):
            return None
        ours = [found for found in listed if found.sid not in known]
        if same := [found for found in ours if (found.body or "").strip() == message.body.strip()]:
            return accepted(same[0].sid)
        # One that says something else may be this message as a template rendered it.
        return None if ours else later("Twilio never got it")

    def _number(self, message: Message) -> str:
        return message.address

    def _request(self, message: Message) -> dict[str, Any]:
        # A messaging service or a number of one's own.
        sender = {"messaging_service_sid" if self._sender.startswith("MG") else "from_": self._sender}
        told: dict[str, Any] = {"to": self._number(message), "body": message.body, **sender}
        # Twilio refuses an address that it cannot reach.
        if settings.PUBLIC_URL.startswith("https://"):
            told["status_callback"] = f"{settings.PUBLIC_URL}/webhooks/twilio/status/"
        return told
