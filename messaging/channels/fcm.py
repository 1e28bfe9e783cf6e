"""Push to mobile apps, by FCM HTTP v1. An address is the token of an app on a device."""

import asyncio
import time
from datetime import datetime, timedelta

import jwt

from messaging.channels import http
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.models import Message

API = "https://fcm.googleapis.com"
TOKENS = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
HOUR = timedelta(hours=1)
SPARE = 60.0  # seconds before its end that a token is not used any more
GONE = {"UNREGISTERED", "SENDER_ID_MISMATCH"}


class Fcm(Channel):
    """One project of Firebase. Where FCM_API_BASE points elsewhere, so do the tokens."""

    def __init__(self, key: dict[str, str], base: str, timeout: float) -> None:
        self._key, self._timeout = key, timeout
        root = (base or API).rstrip("/")
        self._url = f"{root}/v1/projects/{key['project_id']}/messages:send"
        self._tokens = f"{root}/token" if base else TOKENS
        self._token, self._until = "", 0.0
        self._asking: asyncio.Lock | None = None

    async def send(self, message: Message) -> Answer:
        told: dict[str, object] = {
            "token": message.address,
            "notification": {"title": message.subject, "body": message.body},
            "data": {"message": str(message.pk), **({"url": url} if (url := message.extras.get("url")) else {})},
        }
        try:
            bearer = await self._bearer(message.claimed_at or message.created_at)
        except (http.NotSent, http.Unanswered, ValueError) as error:
            return later(f"no token: {error}")
        try:
            headers = {"Authorization": f"Bearer {bearer}"}
            said = await http.call("POST", self._url, timeout=self._timeout, headers=headers, json={"message": told})
        except http.NotSent as error:
            return later(str(error))
        except http.Unanswered as error:
            return unknown(f"no answer: {error}")
        answer = said.json()
        if said.status == 200 and isinstance(answer, dict):
            return accepted(str(answer.get("name", "")))
        return self._refusal(said, answer)

    async def _bearer(self, now: datetime) -> str:
        """The token of now, asked for once however many messages wait for it. Raises ValueError where it is refused."""
        if self._asking is None:
            self._asking = asyncio.Lock()
        async with self._asking:
            if time.monotonic() < self._until:
                return self._token
            claims = {"iss": self._key["client_email"], "scope": SCOPE, "aud": TOKENS, "iat": now, "exp": now + HOUR}
            signed = jwt.encode(claims, self._key["private_key"], algorithm="RS256")
            form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
            said = await http.call("POST", self._tokens, timeout=self._timeout, data=form)
            answer = said.json()
            if said.status != 200 or not isinstance(answer, dict) or "access_token" not in answer:
                raise ValueError(f"HTTP {said.status}")
            self._token = str(answer["access_token"])
            self._until = time.monotonic() + float(answer.get("expires_in", 0)) - SPARE
            return self._token

    def _refusal(self, said: http.Said, answer: object) -> Answer:
        error = answer.get("error", {}) if isinstance(answer, dict) else {}
        details = [part.get("errorCode") for part in error.get("details", ()) if isinstance(part, dict)]
        code = next((str(part) for part in details if part), str(error.get("status", "")))
        words = f"HTTP {said.status} {code} {error.get('message', '')}"
        if code in GONE:
            return refused(words, suppress=True)
        if said.status == 401:
            self._until = 0.0  # the token was taken back: the next message asks for another
        if code == "QUOTA_EXCEEDED":
            return later(words, said.retry_after, account_waits=True)
        return http.trouble(said) or refused(words)
