"""A loopback server that answers as Twilio's Messages resource does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl


class TwilioSink:
    """Accepts messages, unless `answers` holds (status, headers, body) for the next ones."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.sids: list[str] = []
        self.answers: list[tuple[int, dict[str, str], dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802 (the library's name)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if outer.answers:
                    status, headers, answer = outer.answers.pop(0)
                else:
                    status, headers, answer = 201, {}, outer._accept(dict(parse_qsl(body)))
                payload = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _accept(self, request: dict[str, str]) -> dict[str, Any]:
        self.requests.append(request)
        self.sids.append(f"SM{len(self.sids):032x}")
        return {"sid": self.sids[-1], "status": "queued", "to": request["To"], "body": request["Body"]}

    def __enter__(self) -> "TwilioSink":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
