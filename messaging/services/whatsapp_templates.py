"""Templates of WhatsApp: read from Twilio's Content API, chosen by staff, said in words (semantics §25, §28)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as t

from messaging.channels import http, wire
from messaging.models import WhatsAppAccount, WhatsAppTemplate

API = "https://content.twilio.com"
PAGES = 10  # of a hundred templates each
_GAP = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


class NotLoaded(Exception):
    """Twilio did not tell its templates; the text says why."""


def load(account: WhatsAppAccount, now: datetime) -> int:
    """Reads the templates of an account, new and changed ones; returns how many there are. Raises NotLoaded."""
    found = {template.sid: template for template in map(_template, _contents(account)) if template is not None}
    for template in found.values():
        template.loaded_at = now
    WhatsAppTemplate.objects.bulk_create(
        found.values(),
        update_conflicts=True,
        unique_fields=["sid"],
        update_fields=["name", "language", "status", "body", "variables", "replies", "loaded_at"],
    )
    return len(found)


def gaps(text: str) -> list[str]:
    """Names of the variables in an approved text, in their order."""
    return list(dict.fromkeys(_GAP.findall(text)))


def words(template: WhatsAppTemplate, variables: Mapping[str, str]) -> str:
    """What the template says, as a text of ours: the Liquid of each variable in its gap."""
    return _GAP.sub(lambda gap: variables.get(gap[1], ""), template.body)


def missing(sid: str, variables: Mapping[str, str]) -> str:
    """What forbids sending the template so, in the current language; one query."""
    template = WhatsAppTemplate.objects.filter(sid=sid).first()
    if template is None:
        return t("The template %(sid)s is not known here: load the templates of the account.") % {"sid": sid}
    if empty := [name for name in template.variables if not variables.get(name)]:
        return t("The template needs its variables: %(names)s.") % {"names": ", ".join(empty)}
    return ""


def _contents(account: WhatsAppAccount) -> Iterator[Mapping[str, Any]]:
    root = (settings.TWILIO_API_BASE or API).rstrip("/")
    where = "/v1/ContentAndApprovals?PageSize=100"
    for _page in range(PAGES):
        try:
            said = wire().run(
                http.call("GET", root + where, timeout=account.timeout, auth=(account.sid, account.token))
            )
        except (http.NotSent, http.Unanswered) as error:
            raise NotLoaded(str(error)) from error
        answer = said.json()
        if said.status != 200 or not isinstance(answer, dict):
            raise NotLoaded(f"HTTP {said.status} {answer.get('message', '') if isinstance(answer, dict) else ''}")
        yield from answer.get("contents") or ()
        # Its host is not taken: the key of the account goes to Twilio alone.
        following = urlsplit((answer.get("meta") or {}).get("next_page_url") or "")
        if not following.path:
            return
        where = f"{following.path}?{following.query}"


def _template(said: Mapping[str, Any]) -> WhatsAppTemplate | None:
    """One content of Twilio's; None where it has no text to send."""
    kinds = said.get("types") or {}
    kind = next((value for value in kinds.values() if isinstance(value, dict) and value.get("body")), None)
    sid = str(said.get("sid") or "")
    if kind is None or not sid:
        return None
    approval = said.get("approval_requests") or {}
    examples = said.get("variables") or {}
    body = str(kind["body"])
    names = dict.fromkeys([*gaps(body), *(str(name) for name in examples)])
    return WhatsAppTemplate(
        sid=sid,
        name=str(said.get("friendly_name") or sid)[:200],
        language=str(said.get("language") or "")[:20],
        status=str(approval.get("status") or "")[:30],
        body=body,
        variables={name: str(examples.get(name, "")) for name in names},
        replies=list(_replies(kind.get("actions") or ())),
    )


def _replies(actions: Iterable[Any]) -> Iterator[str]:
    for action in actions:
        if isinstance(action, dict) and action.get("type", "QUICK_REPLY") == "QUICK_REPLY" and action.get("title"):
            yield str(action["title"])
