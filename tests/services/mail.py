"""A mail server that wants STARTTLS and a login, and looks at what it is given."""

from __future__ import annotations

import email
import email.policy
import ssl
from dataclasses import dataclass

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "watch", "mail-hunter2"
MAX_LINE = 998  # RFC 5321, 4.5.3.1.6: of a line, without its end
MAX_SIZE = 1_000_000


@dataclass(frozen=True)
class Said:
    """A mail as a person reads it."""

    title: str
    text: str
    html: str
    to: tuple[str, ...]
    pictures: tuple[tuple[str, bytes], ...] = ()


class Postbox:
    """``fault`` is said instead of an answer to what a mail contains."""

    def __init__(self):
        self.accepted: list[Said] = []
        self.fault = ""

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  aiosmtpd calls this name
        if not session.authenticated:
            return "530 authentication required"
        if address.endswith("@refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd calls this name
        if self.fault:
            return self.fault
        if any(len(line) > MAX_LINE for line in envelope.content.splitlines()):
            return "500 line too long"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        if not (mail["From"] and mail["To"] and mail["Subject"] and mail["Date"]):
            return "550 a header is missing"
        bodies = (mail.get_body((kind,)) for kind in ("plain", "html"))
        text, html = (body.get_content() if body else "" for body in bodies)
        files = (part for part in mail.walk() if part.get_content_maintype() == "image")
        pictures = tuple((part.get_filename(), part.get_content()) for part in files)
        self.accepted.append(Said(mail["Subject"], text, html, tuple(envelope.rcpt_tos), pictures))
        return "250 OK"


class MailService(Controller):
    """Listens on the port it is given."""

    def __init__(self, tls: ssl.SSLContext):
        super().__init__(Postbox(), hostname="127.0.0.1", port=0)
        self._tls = tls

    def factory(self):
        return SMTP(
            self.handler,
            hostname="localhost",
            tls_context=self._tls,
            require_starttls=True,
            auth_required=True,
            data_size_limit=MAX_SIZE,
            authenticator=is_known,
        )

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    @property
    def url(self) -> str:
        """With STARTTLS and a login."""
        return (
            f"mailtos://{USER}:{PASSWORD}@localhost:{self.port}?from=watch@example.com&to=ops@example.com&mode=starttls"
        )


def is_known(server, session, envelope, mechanism, data) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)
