"""Real servers on 127.0.0.1 that keep what they were sent, and daemons that run."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.running import Daemon
from tests.services.loopback import make_certificate


@dataclass
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes


class WebServer(ThreadingHTTPServer):
    """Answers every request with ``status``; 302 leads to /login, which always says 200."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), WebHandler)
        self.status = 200
        self.posted: list[Posted] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class WebHandler(BaseHTTPRequestHandler):
    server: WebServer

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append(Posted(self.path, dict(self.headers), body))
        self.answer(self.server.status)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Retry-After", "1")
        self.send_header("Location", "/login")
        self.end_headers()

    def log_message(self, *_):
        """Stay silent."""


@dataclass
class Mailbox:
    """Takes any mail over plain SMTP without login; a recipient at refused.example is answered with 550."""

    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  aiosmtpd calls this name
        if address.endswith("@refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd calls this name
        self.envelopes.append(envelope)
        return "250 OK"


class MailServer(Controller):
    """Listens on the port it is given: one that was free a moment ago may by now be another worker's."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for every service of tests/services."""
    return make_certificate(tmp_path_factory.mktemp("services"))


@pytest.fixture
def trusted(certificate, monkeypatch) -> Path:
    """The same, vouched for."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def smtp() -> Iterator[Controller]:
    """A running SMTP server: ``handler.envelopes`` is what came, ``port`` where."""
    controller = MailServer(Mailbox(), hostname="127.0.0.1", port=0)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A listening socket that nobody reads: it takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def start(tmp_path):
    """Starts daemons; what is left of them at the end is killed."""
    with ExitStack() as stack:
        yield lambda *options, folder=tmp_path, **env: _started(stack, Daemon(folder, *options, **env))


def _started(stack: ExitStack, daemon: Daemon) -> Daemon:
    stack.callback(daemon.process.wait)
    stack.callback(daemon.process.kill)
    return daemon
