"""E-mail to a mail server, over connections that are kept open."""

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import aiosmtplib
from django.core.mail.message import sanitize_address

from messaging.channels import email_text
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.models import Message

# A connection is closed after so many messages or seconds of idleness: servers hang up not much later.
MOST, IDLE = 100, 30.0
# A server that closes for the moment says 421 to whatever comes next: another connection may serve.
CLOSING = 421


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: bool = False
    starttls: bool = False
    timeout: float = 20  # seconds


@dataclass(slots=True)
class _Line:
    """An open connection."""

    smtp: aiosmtplib.SMTP
    sent: int = 0
    idle_since: float = 0.0


class _Pool:
    """Open connections to one server. As many calls as the account allows means as many connections."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: deque[_Line] = deque()

    async def take(self) -> tuple[_Line, bool]:
        """A connection, and whether it has served before. Raises SMTPException and OSError."""
        while self._idle:
            line = self._idle.pop()
            if line.smtp.is_connected and time.monotonic() - line.idle_since < IDLE:
                return line, True
            line.smtp.close()
        return _Line(await self._connect()), False

    def give(self, line: _Line) -> None:
        """Gives a connection back that is ready for the next message."""
        line.sent += 1
        line.idle_since = time.monotonic()
        if line.sent >= MOST:
            line.smtp.close()
        else:
            self._idle.append(line)
        while self._idle and time.monotonic() - self._idle[0].idle_since >= IDLE:
            self._idle.popleft().smtp.close()

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            use_tls=server.tls,
            start_tls=server.starttls,
            timeout=server.timeout,
        )
        await smtp.connect()
        return smtp


# Pools belong to the loop that they were made on: a fork has another one.
@lru_cache(maxsize=64)
def _pool(_loop: asyncio.AbstractEventLoop, server: Server) -> _Pool:
    return _Pool(server)


class Smtp(Channel):
    """A mail server. It cannot be asked what became of a message; the fixed Message-ID lets a reader drop copies."""

    def __init__(self, server: Server, sender: str) -> None:
        self._server, self._sender = server, sender

    async def send(self, message: Message) -> Answer:
        try:
            email = email_text.compose(message, self._sender)
            text = email.message().as_bytes()
            sender = sanitize_address(self._sender, "utf-8")
            recipient = sanitize_address(message.address, "utf-8")
        except ValueError as error:
            return refused(str(error))
        pool = _pool(asyncio.get_running_loop(), self._server)
        for _ in range(2):
            try:
                line, used = await pool.take()
            except aiosmtplib.SMTPResponseException as error:
                # The server refuses us, not the message: a wrong password is mended by staff.
                return later(f"{error.code} {error.message}")
            except (aiosmtplib.SMTPException, OSError) as error:
                return later(f"{type(error).__name__}: {error}")
            answer = await self._hand_over(line.smtp, sender, recipient, text)
            if answer is None:
                line.smtp.close()
                if used:
                    continue  # the server hung up while the connection lay idle
                return later("the server closed the connection")
            if line.smtp.is_connected:
                pool.give(line)
            if answer.kind is Answer.Kind.ACCEPTED:
                return accepted(email_text.message_id(message, self._sender))
            return answer
        return later("the server closed the connection")

    async def _hand_over(self, smtp: aiosmtplib.SMTP, sender: str, recipient: str, text: bytes) -> Answer | None:
        """One message over an open connection; None where the connection broke before the message went out."""
        try:
            await smtp.mail(sender)
            await smtp.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as error:
            if error.code == CLOSING:
                return None
            return await self._after(smtp, _refusal(error, suppress=_bad_address(error)))
        except (aiosmtplib.SMTPException, OSError):
            return None
        try:
            await smtp.data(text)
        except aiosmtplib.SMTPResponseException as error:
            return await self._after(smtp, _refusal(error, suppress=False))
        except (aiosmtplib.SMTPException, OSError) as error:
            # It may have hung up after taking the message.
            smtp.close()
            return unknown(f"{type(error).__name__}: {error}")
        return accepted()

    async def _after(self, smtp: aiosmtplib.SMTP, answer: Answer) -> Answer:
        """Makes the connection ready for the next message."""
        try:
            await smtp.rset()
        except (aiosmtplib.SMTPException, OSError):
            smtp.close()
        return answer


def _bad_address(error: aiosmtplib.SMTPResponseException) -> bool:
    """Whether the mailbox is what is wrong (RFC 3463: 5.1.x, 5.2.1), not the text or the sender's good name."""
    if not isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return False
    enhanced = re.match(r"5\.(\d+)\.(\d+)", error.message)
    return enhanced is None or enhanced[1] == "1" or enhanced.groups() == ("2", "1")


def _refusal(error: aiosmtplib.SMTPResponseException, suppress: bool) -> Answer:
    words = f"{error.code} {error.message}"
    return later(words) if 400 <= error.code < 500 else refused(words, suppress)
