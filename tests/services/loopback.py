"""The way from a service's own address to its server on this machine, with a certificate that is really checked."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from tests.services.china import DingTalk, Feishu, WeCom
from tests.services.discord import Discord
from tests.services.slack import SlackApi, SlackHook
from tests.services.telegram import Telegram
from tests.services.web import Service

HOSTS = [
    "localhost",
    *(
        host
        for each in (DingTalk, Discord, Feishu, SlackApi, SlackHook, Telegram, WeCom)
        for host in (each.host, *each.also)
    ),
]


def make_certificate(folder: Path) -> Path:
    """A file with a key and its certificate for every service, which vouches for itself."""
    names = ",".join([*(f"DNS:{host}" for host in HOSTS), "IP:127.0.0.1"])
    key, certificate, both = folder / "key.pem", folder / "certificate.pem", folder / "both.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=services of a test", "-addext", f"subjectAltName={names}"]
    try:
        command = ["openssl", "req", "-x509", *curve, *subject, "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        raise AssertionError("tests of services need the program openssl (Debian: apt-get install openssl)") from None
    both.write_text(key.read_text() + certificate.read_text())
    return both


def server_side(both: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


class Way(HTTPAdapter):
    """Leads to a port of this machine, and still wants the certificate of the host that was asked for."""

    def __init__(self, host: str, port: int):
        self._host, self._port = host, port
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs, server_hostname=self._host, assert_hostname=self._host)

    def send(self, request, **kwargs):
        there = request.copy()
        there.url = urlsplit(request.url)._replace(netloc=f"127.0.0.1:{self._port}").geturl()
        there.headers["Host"] = self._host
        response = super().send(there, **kwargs)
        response.request, response.url = request, request.url
        return response


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """It answers while this is open."""
    thread = threading.Thread(target=service.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield service
    finally:
        service.ended.set()
        service.shutdown()
        service.server_close()
        thread.join()


@contextmanager
def routed(service: Service, monkeypatch) -> Iterator[Service]:
    """It answers to its own name: every session of requests knows the way there."""
    opened = requests.Session.__init__

    def open_with_ways(session):
        opened(session)
        for host in (service.host, *service.also):
            session.mount(f"https://{host}/", Way(host, service.server_port))

    monkeypatch.setattr(requests.Session, "__init__", open_with_ways)
    with running(service):
        yield service
