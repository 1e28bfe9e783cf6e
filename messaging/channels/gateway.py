"""Any provider with an HTTP address, as staff described it (`models/account_gateway.py`)."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from messaging.channels import http
from messaging.channels.base import Answer, Channel, accepted, later, refused, unknown
from messaging.channels.public_net import Refused
from messaging.models import GatewayAccount, Message

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Gateway(Channel):
    """One gateway. Its address was typed by staff, so that it is judged before it is called."""

    def __init__(self, account: GatewayAccount) -> None:
        self._account = account
        self._headers = dict(_header(line) for line in account.headers.splitlines() if line.strip())
        self._fields = orjson.loads(account.body)
        self._codes = {
            kind: frozenset(code.strip() for code in text.split(",") if code.strip())
            for kind, text in (
                ("fine", account.fine_codes),
                ("later", account.later_codes),
                ("address", account.address_codes),
                ("refused", account.refused_codes),
            )
        }

    async def send(self, message: Message) -> Answer:
        account = self._account
        filled = _filled(self._fields, _values(message, account.number, account.secret))
        form = {name: str(value) for name, value in filled.items()} if account.kind != account.Kind.JSON else None
        try:
            said = await http.call(
                account.method,
                account.url,
                timeout=account.timeout,
                headers=self._headers,
                json=filled if account.kind == account.Kind.JSON else None,
                data=form if account.kind == account.Kind.FORM else None,
                params=form if account.kind == account.Kind.QUERY else None,
                typed=True,
            )
        except Refused as error:
            # The account is wrong, not the message: staff mend it.
            return later(str(error))
        except http.NotSent as error:
            return later(str(error))
        except http.Unanswered as error:
            return unknown(f"no answer: {error}")
        return self._judge(said)

    def _judge(self, said: http.Said) -> Answer:
        account = self._account
        answer = said.json()
        code = _text(_at(answer, account.code_path)) if account.code_path else ""
        words = f"HTTP {said.status}" + (f", {code}" if code else "")
        if account.error_path and (told := _text(_at(answer, account.error_path))):
            words = f"{words}: {told}"
        # The answer's own code says more than the status of HTTP.
        for known in (code, str(said.status)):
            if not known:
                continue
            if known in self._codes["later"]:
                return later(words, said.retry_after)
            if known in self._codes["address"]:
                return refused(words, suppress=True)
            if known in self._codes["refused"]:
                return refused(words)
        if trouble := http.trouble(said):
            return trouble
        if not 200 <= said.status < 300:
            return refused(words)
        if account.code_path and self._codes["fine"] and code not in self._codes["fine"]:
            return refused(words)
        return accepted(_text(_at(answer, account.id_path))[:200] if account.id_path else "")


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _values(message: Message, sender: str, secret: str) -> dict[str, str]:
    return {
        "to": message.address,
        "digits": message.address.removeprefix("+"),
        "text": message.body,
        "subject": message.subject,
        "id": str(message.pk),
        "sender": sender,
        "secret": secret,
    }


def _filled(fields: Any, values: Mapping[str, str]) -> Any:
    """The fields with their variables; what is not known stays as it is, for the provider may mean it."""
    match fields:
        case str():
            return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), fields)
        case dict():
            return {name: _filled(value, values) for name, value in fields.items()}
        case list():
            return [_filled(value, values) for value in fields]
        case _:
            return fields


def _at(answer: Any, path: str) -> Any:
    """The value at a path such as `messages.0.id`; None where there is none."""
    for name in path.split("."):
        if isinstance(answer, dict):
            answer = answer.get(name)
        elif isinstance(answer, list) and name.isdecimal() and int(name) < len(answer):
            answer = answer[int(name)]
        else:
            return None
    return answer


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)[:300]
