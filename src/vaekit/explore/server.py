"""A page for runs, served on this machine alone: 127.0.0.1, under an address with a random token.

The token is the first part of every path, so that whoever has not the address gets 403 whatever he
asks for. The page, its style and its script come from here, and nothing from elsewhere: the policy
that is sent with each answer forbids it. The server is that of Python's own library, for one person
at this machine: it does no more than read a path and a body of known length.
"""

import atexit
import errno
import json
import secrets
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from vaekit import report
from vaekit.arguments import fits
from vaekit.errors import VaekitError
from vaekit.explore.api import Api, SavedFile
from vaekit.explore.explorer import Explorer
from vaekit.system import system_error

HOST = "127.0.0.1"
MOST_BYTES = 64 * 2**20  # bytes of a file that is dropped
_HERE, _REPORT = Path(__file__).parent, Path(report.__file__).parent
_PAGES = {
    "": ("text/html", [_HERE / "page.html"]),
    "page.css": ("text/css", [_REPORT / "page.css", _HERE / "page.css"]),
    "page.js": ("text/javascript", [_HERE / "page.js"]),
    "panel.js": ("text/javascript", [_HERE / "panel.js"]),
    "tools.js": ("text/javascript", [_HERE / "tools.js"]),
    "controls.js": ("text/javascript", [_HERE / "controls.js"]),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


class Server:
    """Serve the page of runs at `address`, until `close`: `run` here, or `start` in a thread.

    Raises `VaekitError` for a port that is in use or may not be had.
    """

    def __init__(self, explorers: Sequence[Explorer], port: int = 0):
        if not fits(port, int) or not 0 <= port < 2**16:
            raise VaekitError(f"port must be a whole number from 0 (any) to 65535, got {port!r}")
        self.token, self._api = secrets.token_urlsafe(16), Api(explorers)
        try:
            self._http = _Http((HOST, port), partial(_Handler, self._api, self.token))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is in use" if taken else f"cannot be had ({error.strerror})"
            raise VaekitError(
                f"port {port} {why}: choose another --port, or leave it out for a free one"
            ) from None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def address(self) -> str:
        """Return the address of the page, which holds the token."""
        return f"http://{HOST}:{self._http.server_address[1]}/{self.token}/"

    def run(self) -> None:
        """Serve until this is interrupted."""
        self._http.serve_forever(0.2)

    def start(self) -> "Server":
        """Serve in a thread, at most until Python ends, and return the server."""
        atexit.register(self.close)
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """End the server, and free its port, once what it is doing is done."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        self._api.close()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        """Show the page in a notebook."""
        return f'<iframe src="{self.address}" width="100%" height="720" title="explore"></iframe>'


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that goes away in the middle."""
        if not isinstance(sys.exception(), ConnectionError | socket.timeout):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer would wait for 40 ms
    wbufsize = -1

    def __init__(self, api: Api, token: str, *given: Any):
        self.api, self.token, self.name = api, token, ""
        super().__init__(*given)

    def parse_request(self) -> bool:
        """Read the head of a request; without the token answer 403, whatever it asks for."""
        if not super().parse_request():
            return False
        token, _, self.name = urlsplit(self.path).path.removeprefix("/").partition("/")
        if secrets.compare_digest(token.encode(), self.token.encode()):
            return True
        self.close_connection = True
        said = b"403: open the address that vaekit explore printed, with its token\n"
        self._send(HTTPStatus.FORBIDDEN, "text/plain", said)
        self.wfile.flush()
        return False

    def do_GET(self) -> None:
        """Send the page, its style or its script."""
        if self.name not in _PAGES:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there is nothing here")
            return
        kind, files = _PAGES[self.name]
        content = b"\n".join(file.read_bytes() for file in files)
        self._send(HTTPStatus.OK, f"{kind}; charset=utf-8", content)

    def do_POST(self) -> None:
        """Answer what the page asks, or take the file that was dropped."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            self._answer({"error": f"this takes up to {MOST_BYTES >> 20} MB"})
            return
        body = self.rfile.read(int(length))
        try:
            self._answer(self._result(body))
        except Exception as error:
            known = system_error(error)
            if known is None:
                traceback.print_exc()
                known = f"this went wrong inside of vaekit ({type(error).__name__}: {error})"
            self._answer({"error": str(known)})

    def _result(self, body: bytes) -> dict[str, Any] | SavedFile:
        if self.name == "add":
            named = dict(parse_qsl(urlsplit(self.path).query))
            run = named.get("run", "")
            return self.api.add({**named, "run": int(run) if run.isdecimal() else run}, body)
        try:
            query = json.loads(body or b"{}")
        except ValueError:
            query = ()
        if not isinstance(query, dict):
            raise VaekitError("a request is a JSON object")
        return self.api.answer(self.name, query)

    def _answer(self, result: dict[str, Any] | SavedFile) -> None:
        if isinstance(result, SavedFile):
            self._send(HTTPStatus.OK, result.kind, result.content, {"X-Name": result.name})
        else:
            content = json.dumps(result, allow_nan=False).encode()
            self._send(HTTPStatus.OK, "application/json", content)

    def _send(
        self, status: HTTPStatus, kind: str, content: bytes, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        fixed = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in (fixed | (more or {})).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests: the terminal is the user's."""
