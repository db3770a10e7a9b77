"""Discord's webhooks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.services.web import Answer, Asked, Service

ID, TOKEN = "417429632418316298", "JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjCiOAF7711o33MyqU344Qpgv7YTpadV_js"
URL = f"discord://{ID}/{TOKEN}"

# discord.py of apprise (a message), sapphirejs.dev: EmbedLimits (an embed); codes: discord-api-types, rest/common.d.ts
MAX_CONTENT, MAX_EMBEDS, MAX_FIELDS, MAX_EMBED = 2000, 10, 25, 6000
MAX_PARTS = {"title": 256, "description": 4096}


@dataclass(frozen=True)
class Said:
    """``text`` as it is written, in Discord's Markdown; ``shown`` as a person reads it; ``calls``: it wakes up all."""

    text: str
    shown: str
    embeds: int = 0
    calls: bool = False


class Discord(Service):
    """``pictures`` are the files that it took; with ``picky`` it takes none."""

    host = "discord.com"
    picky = False

    def __init__(self, *args):
        super().__init__(*args)
        self.pictures: list[bytes] = []

    def busy(self, seconds: int) -> Answer:
        told = {"message": "You are being rate limited.", "retry_after": float(seconds), "global": False}
        limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}
        return Answer(429, told, limits)

    def answer(self, asked: Asked) -> Answer:
        _, _, _, webhook, token = asked.path.split("/")
        if webhook != ID:
            return Answer(404, {"message": "Unknown Webhook", "code": 10015})
        if token != TOKEN:
            return Answer(401, {"message": "Invalid Webhook Token", "code": 50027})
        files = [content for name, content in asked.parts.items() if name.startswith("file")]
        if files and not self.picky:
            self.pictures += files
            return Answer(200, {"id": "1"})
        got = asked.json
        content, embeds = got.get("content", ""), got.get("embeds", [])
        if not (content or embeds):
            return Answer(400, {"message": "Cannot send an empty message", "code": 50006})
        if len(content.encode("utf-16-le")) // 2 > MAX_CONTENT or len(embeds) > MAX_EMBEDS or not fits(embeds):
            return Answer(400, {"message": "Invalid Form Body", "code": 50035})
        # an invisible space after @ does not help: github.com/FireController1847/discord-bot-best-practices/pull/3
        calls = bool(re.search(r"@\W?(everyone|here)", content)) and "allowed_mentions" not in got
        self.accepted.append(Said(content, shown(content), len(embeds), calls))
        return Answer(204)


def fits(embeds: list[dict]) -> bool:
    fields = [field for embed in embeds for field in embed.get("fields", [])]
    words = [embed.get(part, "") for embed in embeds for part in MAX_PARTS]
    words += [field[part] for field in fields for part in ("name", "value")]
    return (
        all(len(embed.get(part, "")) <= most for embed in embeds for part, most in MAX_PARTS.items())
        and all(0 < len(field["name"]) <= 256 and 0 < len(field["value"]) <= 1024 for field in fields)
        and all(len(embed.get("fields", [])) <= MAX_FIELDS for embed in embeds)
        and sum(map(len, words)) <= MAX_EMBED
    )


def shown(text: str) -> str:
    """Without its markup: bold marks, and the backslash before what is no letter."""
    bare = re.sub(r"(?<!\\)\*\*(.+?)(?<!\\)\*\*", r"\1", text)
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", bare)
