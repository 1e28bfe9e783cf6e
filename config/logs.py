"""One JSON object a line. Personal data never goes in: code logs ids only (contract §5)."""

import json
import logging
import traceback
from typing import Any

from django.conf import settings

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON with whatever `extra=` carried (request, run and message ids)."""

    def format(self, record: logging.LogRecord) -> str:
        told = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        # Django names the address in full, and addresses may hold phones and e-mails: only its pattern is told.
        request = told.pop("request", None)
        if path := getattr(request, "path", ""):
            told["route"] = _route(request)
            if isinstance(record.args, tuple):
                record.args = tuple(told["route"] if given == path else given for given in record.args)
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        } | told
        if record.exc_info and record.exc_info[0]:
            line["error"] = _trace(record.exc_info[0], record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)


def _route(request: Any) -> str:
    """`api/v1/clients/(?P<key>[^/]+)/` of /api/v1/clients/+79990000001/; empty where the address leads nowhere."""
    match = getattr(request, "resolver_match", None)
    return str(match.route) if match is not None else ""


def _trace(kind: type[BaseException], error: BaseException | None) -> str:
    """Where it broke. What an exception says may quote a client's data, so its words stay in development."""
    if settings.DEBUG or error is None:
        return "".join(traceback.format_exception(error))
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    return f"{kind.__module__}.{kind.__qualname__} at {places}"
