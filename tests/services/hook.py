"""A webhook of one's own, as json:// speaks to it. What it answers in a 200 is nobody's error code."""

from __future__ import annotations

from dataclasses import dataclass

from tests.services.web import Answer, Asked, Service

FIELDS = {"version", "title", "message", "type", "attachments"}


@dataclass(frozen=True)
class Said:
    title: str
    text: str
    kind: str


class Hook(Service):
    def answer(self, asked: Asked) -> Answer:
        got = asked.json
        if asked.headers["Content-Type"] != "application/json" or not FIELDS.issuperset(got) or not got.get("message"):
            return Answer(400, {"error": "not a notification"})
        self.accepted.append(Said(got["title"], got["message"], got["type"]))
        return Answer(200, {"code": 200, "errcode": 7, "message": "ok"})
