"""Messages through Twilio, by the provider's own client on our own connections."""

import logging
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from messaging.channels import http
from messaging.channels.base import Answer, Channel, Listed, accepted, later, refused, unknown
from messaging.models import Message

API = "https://api.twilio.com"

# Error codes that say the number itself cannot be written to: not a number, not a mobile one, has said STOP.
BAD_NUMBER = {21211, 21214, 21217, 21610, 21612, 21614}
# Messages of one number that are looked through for one whose sender died.
LOOKED_THROUGH = 50
# By how much Twilio's clock may differ from ours.
CLOCKS = timedelta(minutes=5)


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

    askable = True

    def __init__(self, sid: str, token: str, sender: str, base: str, timeout: float) -> None:
        self._client = _client(sid, token, base, timeout)
        self._sender = sender

    async def send(self, message: Message) -> Answer:
        try:
            sent = await self._client.messages.create_async(**self._request(message))
        except _Busy as error:
            return error.answer
        except TwilioRestException as error:
            if error.status in (401, 403, 404, 500, 502):
                # The account is refused, or Twilio is in trouble: not the message's fault.
                return later(f"HTTP {error.status}: {error.msg}")
            if error.status >= 500:
                # A gateway that waited for Twilio in vain.
                return unknown(f"HTTP {error.status}")
            return refused(f"{error.code}: {error.msg}", suppress=error.code in BAD_NUMBER)
        except http.NotSent as error:
            return later(str(error))
        except (http.Unanswered, TwilioException, ValueError) as error:
            return unknown(f"{type(error).__name__}: {error}")
        return accepted(sent.sid or "")

    async def find(self, message: Message) -> Answer | Listed:
        """Twilio lists the messages to a number, the newest first.

        Not by the day of sending, as its API offers: what waits in its own queue has none yet.
        """
        try:
            listed = await self._client.messages.list_async(to=self._number(message), limit=LOOKED_THROUGH)
        except TwilioException as error:
            # The account is not ours any more, say: asking again tells no more.
            status = next((said.status_code for said in error.args if isinstance(said, Response)), 0)
            return unknown(f"HTTP {status}", final=400 <= status < 500)
        except (_Busy, http.NotSent, http.Unanswered, ValueError) as error:
            return unknown(type(error).__name__)
        # The moment of the claim moves with every question, that of being due does not.
        since = message.due_at - CLOCKS
        ours = [found for found in reversed(listed) if found.sid and not _older(found.date_created, since)]
        if len(ours) == LOOKED_THROUGH:
            return unknown("too many messages to one number", final=True)
        body = message.body.strip()
        return Listed(
            tuple(found.sid for found in ours if (found.body or "").strip() == body),
            tuple(found.sid for found in ours if (found.body or "").strip() != body),
        )

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


def _older(told: datetime | None, since: datetime) -> bool:
    return told is not None and told < since
