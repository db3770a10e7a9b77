"""What the services over HTTPS have in common: they listen, keep what they took, and fail when they are told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request: its path without the query, and what came with it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes

    @property
    def json(self) -> dict:
        """The body, {} if it is no JSON object."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def parts(self) -> dict[str, bytes]:
        """A multipart body."""
        kind = self.headers["Content-Type"]
        mail = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + self.body)
        named = mail.get_payload() if mail.is_multipart() else []
        return {part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True) for part in named}


@dataclass(frozen=True)
class Answer:
    """``body`` is sent as JSON unless it is text."""

    status: int = 200
    body: object = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Silent:
    """Takes the request and says nothing until the service ends."""


@dataclass(frozen=True)
class HangsUp:
    """Takes the request and closes the connection without a word."""


@dataclass(frozen=True)
class Slow:
    """Answers as ever, but so much later."""

    seconds: float


class Service(ThreadingHTTPServer):
    """``accepted`` is what came through all checks, ``asked`` everything; ``fault`` is what it does instead."""

    host: ClassVar[str] = "127.0.0.1"
    also: ClassVar[tuple[str, ...]] = ()
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None):
        super().__init__(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.accepted: list = []
        self.asked: list[Asked] = []
        self.fault: Answer | Silent | HangsUp | Slow | None = None
        self.ended = threading.Event()

    def answer(self, asked: Asked) -> Answer:
        """What the service says to a request."""
        raise NotImplementedError

    def busy(self, seconds: int) -> Answer:
        """How it says that it is too much."""
        return Answer(429, "", {"Retry-After": str(seconds)})

    def handle_error(self, request, client_address):
        """A client that went away, or does not trust the certificate, is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.take()

    def do_POST(self):
        self.take()

    def take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        asked = Asked(self.command, url.path, query, self.headers, body)
        self.server.asked.append(asked)
        match self.server.fault:
            case Answer() as answer:
                self.say(answer)
            case Silent():
                self.server.ended.wait(20)
                self.close_connection = True
            case HangsUp():
                self.close_connection = True
            case Slow(seconds):
                self.server.ended.wait(seconds)
                self.say(self.server.answer(asked))
            case None:
                self.say(self.server.answer(asked))

    def say(self, answer: Answer):
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body, ensure_ascii=False)
        content = body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Stay silent."""
