"""References to secrets, and the secrets they come to.

A configuration never holds a token, cookie or password, only where it is: ``${NAME}`` (environment),
``${NAME:-default}`` (the default where NAME is not set or empty), ``${file:path}`` (relative to the configuration's
folder). A text is resolved each time it is needed, so a changed cookie file is picked up.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

HIDDEN = "***"
MAX_FILE_BYTES = 65_536

_REFERENCE = re.compile(r"\$\{(?:file:(?P<file>[^{}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?)\}")
_HOLE = "\ue000"  # stands for what a reference hides; no URL has this character
_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*)://(?:(?P<user>[^/?#]*)@)?[^?]*(?:\?(?P<query>.*))?", re.DOTALL)
_OPEN_SCHEMES = frozenset({"console", "json", "jsons", "form", "forms", "xml", "xmls", "mailto", "mailtos"}) | {
    "alertmanager",
    "alertmanagers",
}
_SECRET_KEY = re.compile(r"token|secret|pass|pwd|key|auth|cookie|credential|signature", re.IGNORECASE)
_SHORTEST = 4
_WORD = re.compile(r"[^/:@?&=;,\s\"']{16,}")


class Redactor:
    """Remembers every secret that was revealed, and takes them out of texts. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._longest_first: tuple[str, ...] = ()

    def learn(self, secret: str) -> None:
        """From now on ``secret`` is hidden, as it is and as it looks in a URL and in JSON.

        Its words of 16 characters and more are hidden by themselves too (the token inside a URL, one value of a cookie
        jar), unless they are digits only, as ids are. Less than 4 characters are not hidden: they occur everywhere.
        """
        if secret in self._known or len(secret) < _SHORTEST:
            return
        words = {word for word in _WORD.findall(secret) if not word.isdigit()}
        with self._lock:
            for part in {secret, *words}:
                self._known |= {part, quote(part, safe=""), json.dumps(part, ensure_ascii=False)[1:-1]}
            self._longest_first = tuple(sorted(self._known, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """``text`` with *** in place of every known secret."""
        for secret in self._longest_first:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text


REDACTOR = Redactor()
"""The one that ``Secret.reveal`` tells; the process's logging asks it."""


class Secret:
    """A text that shows itself to nobody but the caller of ``reveal``."""

    __slots__ = ("_hidden", "_redactor", "_value")

    def __init__(self, value: str, hidden: tuple[str, ...] | None = None, redactor: Redactor = REDACTOR) -> None:
        """``hidden`` are the secret parts of ``value`` (default: all of it)."""
        self._value = value
        self._hidden = (value,) if hidden is None else hidden
        self._redactor = redactor

    def reveal(self) -> str:
        """The text itself; the redactor hides it in logs from now on."""
        for part in self._hidden:
            self._redactor.learn(part)
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why there is no secret, in words: what was looked for, never what was found."""

    text: str


def resolve(ref: str, env: Mapping[str, str], base: Path) -> Secret | Unresolved:
    """``ref`` with each reference replaced by what it stands for now; files are relative to ``base``.

    Line ends at the end of a file or variable are not part of the secret. A variable that is missing or empty, a file
    that is missing, empty, of several lines or over 64 KiB, and a misspelt reference are Unresolved.
    """
    fault = misspelt(ref)
    if fault is not None:
        return Unresolved(fault)
    parts = []
    for match in _REFERENCE.finditer(ref):
        part = _look_up(match, env, base)
        if isinstance(part, Unresolved):
            return part
        parts.append(part)
    in_order = iter(parts)
    whole = _REFERENCE.sub(lambda _: next(in_order).text, ref)
    secrets = tuple(part.text for part in parts if part.secret)
    return Secret(whole, (whole, *secrets) if secrets else ())


def misspelt(ref: str) -> str | None:
    """What is wrong with the spelling of the references in ``ref``; None if nothing is."""
    rest = _REFERENCE.sub("", ref)
    if "${" in rest:
        return "a reference is misspelt: write ${NAME}, ${NAME:-default} or ${file:path}"
    return None


def is_reference(text: str) -> bool:
    """Whether ``text`` is one reference and nothing else, with no default in plain text."""
    match = _REFERENCE.fullmatch(text)
    return match is not None and not match["default"]


def plain_password(url: str) -> str | None:
    """The password or secret query key that a channel's URL has in plain, in words that quote none of it; or None.

    What a reference falls back to is as plain as the rest.
    """
    parts = _URL.match(_in_plain(url))
    if parts is None:
        return None
    _, _, password = (parts["user"] or "").partition(":")
    if password.strip(_HOLE):
        return 'a password stands in the URL: write ${NAME} in its place, or the whole URL as "${NAME}"'
    for pair in (parts["query"] or "").split("&"):
        key, _, value = pair.partition("=")
        word = _SECRET_KEY.search(unquote(key))
        if word and value.strip(_HOLE):
            return f"the query has a plain `{word[0].lower()}`: write ${{NAME}} in its place"
    return None


def plain_token(url: str) -> str | None:
    """Whether a channel's URL is for a service that has its token in the path, and hides no part of it; in words."""
    shown = _in_plain(url)
    parts = _URL.match(shown)
    if parts is None or parts["scheme"].lower() in _OPEN_SCHEMES or _HOLE in shown:
        return None
    return f'a {parts["scheme"].lower()}:// URL has its token in the path: put it outside and write url: "${{NAME}}"'


def _in_plain(text: str) -> str:
    return _REFERENCE.sub(lambda match: match["default"] or _HOLE, text)


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands behind one reference. A default is written in the open, so it is no secret."""

    text: str = field(repr=False)
    secret: bool


def _look_up(match: re.Match[str], env: Mapping[str, str], base: Path) -> _Part | Unresolved:
    if match["file"] is not None:
        return _from_file(match["file"], base)
    value = env.get(match["name"], "")
    if value:
        return _one_line(value, f"the environment variable {match['name']}")
    if match["default"] is not None:
        return _Part(match["default"], secret=False)
    return Unresolved(f"the environment variable {match['name']} is not set")


def _from_file(name: str, base: Path) -> _Part | Unresolved:
    path = base / name
    try:
        if not path.is_file():
            return Unresolved(f"there is no file {name}")
        if path.stat().st_size > MAX_FILE_BYTES:
            return Unresolved(f"the file {name} is larger than {MAX_FILE_BYTES // 1024} KiB")
        return _one_line(path.read_text(encoding="utf-8"), f"the file {name}")
    except UnicodeDecodeError:
        return Unresolved(f"the file {name} is not UTF-8 text")
    except OSError as error:
        return Unresolved(f"the file {name} cannot be read: {error.strerror}")


def _one_line(text: str, what: str) -> _Part | Unresolved:
    line = text.rstrip("\r\n")
    if not line.strip():
        return Unresolved(f"{what} is empty")
    if not line.isprintable():
        return Unresolved(f"{what} has line breaks or control characters inside")
    return _Part(line, secret=True)
