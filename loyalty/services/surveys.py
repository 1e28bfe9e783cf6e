"""Asking and answering: personal links, one answer a link, and what the answers say (semantics §51)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as t

from loyalty.intake.facts import Fact
from loyalty.models import Client, Survey, SurveyAnswer, SurveyQuestion, SurveyReply
from loyalty.services import personal_links, stream
from loyalty.services.personal_links import Over

MAX_TEXT = 5000  # characters of a free text
_PAGE = "survey"
_Z = 1.959964  # of a 95 % interval

Kind = SurveyQuestion.Kind


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked what by a link."""

    survey: Survey
    client: Client
    key: str


def link(slug: str, client_id: int, key: str, until: datetime) -> str:
    """The personal link to a survey, valid before `until` (UTC). `key`: what asked; it is answered once."""
    return personal_links.link(_PAGE, slug, client_id, key, until)


def asked_by(token: str, now: datetime) -> Asked:
    """What a link asks. Raises Forged and Over."""
    named = personal_links.read(_PAGE, token, now)
    survey = Survey.objects.filter(slug=named.slug, active=True).first()
    if survey is None:
        raise Over
    return Asked(survey, named.client, named.key)


def answered(asked: Asked) -> bool:
    """Whether this link was used."""
    return SurveyAnswer.objects.filter(survey=asked.survey, key=asked.key).exists()


def read(questions: Sequence[SurveyQuestion], form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What a posted form answers, by key, and what is wrong with it, by key, in the current language."""
    said: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for question in questions:
        text = str(form.get(question.key, "")).replace("\x00", "").strip()[:MAX_TEXT]
        choices = question.choices()
        if not text:
            if question.required:
                wrong[question.key] = t("Please answer this question.")
        elif choices and text not in choices:
            wrong[question.key] = t("Please choose one of the answers.")
        else:
            said[question.key] = text
    return said, wrong


def answer(asked: Asked, questions: Sequence[SurveyQuestion], said: Mapping[str, str], now: datetime) -> bool:
    """Stores the answers of a link and tells of them; False, and nothing changed, where it was answered before."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loyalty_surveyanswer (survey_id, client_id, key, answered_at) VALUES (%s, %s, %s, %s)
               ON CONFLICT DO NOTHING RETURNING id""",
            [asked.survey.pk, asked.client.pk, asked.key, now],
        )
        row = cursor.fetchone()
        if row is None:
            return False
        told = [question for question in questions if question.key in said]
        replies = [_reply(row[0], asked.survey, question, said[question.key]) for question in told]
        SurveyReply.objects.bulk_create(replies)
        fact = Fact(f"survey:{row[0]}", "survey.answered", now, payload=_payload(asked, replies))
        stream.append(stream.platform(), [fact], [asked.client.pk], now)
    return True


def _reply(answer_id: int, survey: Survey, question: SurveyQuestion, text: str) -> SurveyReply:
    scored = question.kind in (Kind.CSAT, Kind.NPS)
    return SurveyReply(
        answer_id=answer_id,
        survey=survey,
        key=question.key,
        kind=question.kind,
        question=question.words,
        number=int(text) if scored else None,
        words="" if scored else text,
    )


def _payload(asked: Asked, replies: Sequence[SurveyReply]) -> dict[str, Any]:
    """`score` is the first score there is; `csat` and `nps` the first of their kind."""
    payload: dict[str, Any] = {"survey": asked.survey.slug, "asked_by": asked.key}
    for reply in replies:
        if reply.number is not None:
            payload.setdefault("score", reply.number)
            payload.setdefault(reply.kind, reply.number)
    payload["answers"] = {reply.key: reply.words if reply.number is None else reply.number for reply in replies}
    return payload


@dataclass(frozen=True, slots=True)
class Figure:
    """A score in percent with its 95 % interval; `n` answers stand behind it. Without answers there is none."""

    key: str
    question: str
    kind: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


def figures(survey_id: int) -> list[Figure]:
    """CSAT and NPS of every scored question that was answered: one query over an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT key, kind, max(question), count(*),
                      count(*) FILTER (WHERE number >= CASE kind WHEN 'csat' THEN 4 ELSE 9 END),
                      count(*) FILTER (WHERE kind = 'nps' AND number <= 6)
               FROM loyalty_surveyreply WHERE survey_id = %s AND number IS NOT NULL
               GROUP BY key, kind ORDER BY min(id)""",
            [survey_id],
        )
        rows = cursor.fetchall()
    return [
        Figure(key, question, kind, n, *(csat(good, n) if kind == Kind.CSAT else nps(good, bad, n)))
        for key, kind, question, n, good, bad in rows
    ]


def csat(good: int, n: int) -> tuple[float, float, float]:
    """The share of 4–5 in percent with its Wilson interval. `n` is positive."""
    p, z = good / n, _Z
    centre, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    spread = 1 + z * z / n
    return 100 * p, 100 * max((centre - half) / spread, 0.0), 100 * min((centre + half) / spread, 1.0)


def nps(promoters: int, detractors: int, n: int) -> tuple[float, float, float]:
    """%9–10 − %0–6 with its normal interval, within −100 … 100. `n` is positive."""
    difference = (promoters - detractors) / n
    half = _Z * sqrt(max((promoters + detractors) / n - difference * difference, 0) / n)
    return 100 * difference, 100 * max(difference - half, -1.0), 100 * min(difference + half, 1.0)
