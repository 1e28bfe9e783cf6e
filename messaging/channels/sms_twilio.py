"""SMS through Twilio."""

from datetime import timedelta
from functools import lru_cache
from typing import Any

import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from messaging.channels.base import Answer, Channel
from messaging.models import Message

TIMEOUT = 15  # seconds for one call
API = "https://api.twilio.com"

# Error codes that say the number itself cannot be written to: not a number, not a mobile one, has said STOP.
BAD_NUMBER = {21211, 21214, 21217, 21610, 21612, 21614}


class Busy(Exception):
    """The provider asks for patience (429, 503)."""

    def __init__(self, status: int, retry_after: timedelta | None) -> None:
        super().__init__(f"HTTP {status}")
        self.retry_after = retry_after


class _Http(TwilioHttpClient):
    """The client's transport: another host where TWILIO_API_BASE says so, and Retry-After kept."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=TIMEOUT)
        self._base = (base or API).rstrip("/")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        response = super().request(method, url.replace(API, self._base, 1), *args, **kwargs)
        if response.status_code in (429, 503):
            seconds = (response.headers or {}).get("Retry-After", "")
            raise Busy(response.status_code, timedelta(seconds=int(seconds)) if seconds.isdigit() else None)
        return response


@lru_cache(maxsize=8)
def _client(sid: str, token: str, base: str) -> Client:
    return Client(sid, token, http_client=_Http(base))


class TwilioSms(Channel):
    """One account of Twilio. The library does not retry by itself; the outbox does."""

    def __init__(self, sid: str, token: str, sender: str, base: str) -> None:
        self._client = _client(sid, token, base)
        # A messaging service or a number of one's own.
        self._from = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}

    def send(self, message: Message) -> Answer:
        try:
            sent = self._client.messages.create(to=message.address, body=message.body, **self._from)
        except Busy as error:
            return Answer(Answer.Kind.LATER, error=str(error), retry_after=error.retry_after)
        except TwilioRestException as error:
            if error.status >= 500 or error.status in (401, 403):
                return Answer(Answer.Kind.LATER, error=f"HTTP {error.status}: {error.msg}")
            suppress = error.code in BAD_NUMBER
            return Answer(Answer.Kind.REFUSED, error=f"{error.code}: {error.msg}", suppress=suppress)
        except requests.ReadTimeout as error:
            return Answer(Answer.Kind.UNKNOWN, error=f"no answer in {TIMEOUT} s: {error}")
        except requests.ConnectTimeout as error:
            return Answer(Answer.Kind.LATER, error=str(error))
        except requests.ConnectionError as error:
            return _broken_connection(error)
        except (requests.RequestException, ValueError) as error:
            return Answer(Answer.Kind.UNKNOWN, error=str(error))
        return Answer(Answer.Kind.ACCEPTED, provider_id=sent.sid or "")


def _broken_connection(error: requests.ConnectionError) -> Answer:
    """Refused or unresolved: nothing went out. Broken later: nobody knows."""
    never_connected = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
    return Answer(Answer.Kind.LATER if never_connected else Answer.Kind.UNKNOWN, error=str(error))
