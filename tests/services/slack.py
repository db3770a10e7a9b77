"""Slack: incoming webhooks (hooks.slack.com), and the Web API that a bot uses (slack.com, files.slack.com)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from tests.services.web import Answer, Asked, Service

HOOK = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
HOOK_URL = f"slack://{HOOK}"
BOT_TOKEN, CHANNEL = "xoxb-1234-1234-abc124", "#alerts"
BOT_URL = f"slack://{BOT_TOKEN}/alerts"

MAX_TEXT = 40_000  # github.com/slackapi/bolt-js/issues/2509: of a message
MAX_SECTION = 3_000  # rdrr.io/github/samterfa/rSlack: section_block
MAX_HEADER = 150  # docs.slack.dev/reference/block-kit/blocks/header-block


@dataclass(frozen=True)
class Said:
    """As a person sees it. ``calls`` is whom it wakes up."""

    title: str
    text: str
    calls: tuple[str, ...] = ()


def read(got: dict) -> Said | str:
    """A message, or the error that Slack has for it."""
    titles, texts = [], [got.get("text", "")]
    for attachment in got.get("attachments", []):
        titles.append(attachment.get("title", ""))
        texts.append(attachment.get("text", ""))
        for block in attachment.get("blocks", []):
            text = block.get("text", {}).get("text", "")
            if block["type"] == "header":
                titles.append(text)
                if not text or len(text) > MAX_HEADER:
                    return "invalid_blocks"
            if block["type"] == "section":
                texts.append(text)
                if not text or len(text) > MAX_SECTION:
                    return "invalid_blocks"
    title, text = "\n".join(filter(None, titles)), "\n".join(filter(None, texts))
    if not (title or text):
        return "no_text"
    if len(text) > MAX_TEXT:
        return "msg_too_long"
    return Said(unescape(title), shown(text), tuple(re.findall(r"<[!@][^>]+>", title + text)))


def shown(text: str) -> str:
    """Links as what they lead to, marks as what they do, and the three characters that are written otherwise."""
    bare = re.sub(r"(?<!\w)([*_~`])(?![\s\u200b])([^\n]*?\S)\1(?!\w)", r"\2", text)
    return unescape(re.sub(r"<([^>|]+)(?:\|[^>]*)?>", r"\1", bare))


class SlackHook(Service):
    host = "hooks.slack.com"

    def answer(self, asked: Asked) -> Answer:
        if asked.path != f"/services/{HOOK}":
            return Answer(404, "no_service")
        said = read(asked.json)
        if isinstance(said, str):
            return Answer(400, said)
        self.accepted.append(said)
        return Answer(200, "ok")


class SlackApi(Service):
    """An error is a 200 that says so."""

    host = "slack.com"
    also = ("files.slack.com",)

    def __init__(self, tls=None):
        super().__init__(tls)
        self.lengths: dict[str, int] = {}
        self.uploaded: dict[str, bytes] = {}
        self.files: list[tuple[str, bytes]] = []

    def answer(self, asked: Asked) -> Answer:
        if asked.path.startswith("/upload/"):
            return self.upload(asked)
        if asked.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return no("invalid_auth")
        match asked.path:
            case "/api/chat.postMessage":
                return self.post(asked.json)
            case "/api/files.getUploadURLExternal":
                return self.make_room(asked)
            case "/api/files.completeUploadExternal":
                return self.complete(asked.json)
        return no("unknown_method")

    def post(self, got: dict) -> Answer:
        if got.get("channel") != CHANNEL:
            return no("channel_not_found")
        said = read(got)
        if isinstance(said, str):
            return no(said)
        self.accepted.append(said)
        return Answer(200, {"ok": True, "channel": "C0ALERTS", "ts": "1573694689.003700"})

    def make_room(self, asked: Asked) -> Answer:
        if not asked.query.get("filename") or not asked.query.get("length", "").isdigit():
            return no("invalid_arguments")
        name = f"F{len(self.lengths)}"
        self.lengths[name] = int(asked.query["length"])
        return Answer(200, {"ok": True, "file_id": name, "upload_url": f"https://files.slack.com/upload/{name}"})

    def upload(self, asked: Asked) -> Answer:
        name, content = asked.path.rpartition("/")[2], asked.parts.get("file", b"")
        if len(content) != self.lengths.get(name):
            return Answer(400, "wrong length")
        self.uploaded[name] = content
        return Answer(200, f"OK - {len(content)}")

    def complete(self, got: dict) -> Answer:
        if got.get("channel_id") != "C0ALERTS":
            return no("channel_not_found")
        if not all(each.get("id") in self.uploaded for each in got.get("files", [])):
            return no("file_not_found")
        self.files += [(each["title"], self.uploaded[each["id"]]) for each in got["files"]]
        return Answer(200, {"ok": True, "files": got["files"]})


def no(error: str) -> Answer:
    return Answer(200, {"ok": False, "error": error})
