"""How each provider words an answer and a refusal. Structure as observed or documented; the wording is approximate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from daemon.simulator.bodies import Body

Parameters = Mapping[str, str]

_TIKHUB_ZONE = "America/Los_Angeles"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status other than 200, with TikHub's words in two languages and KeyAPI's own."""

    status: int
    english: str
    chinese: str
    keyapi: str


class Speech(Protocol):
    """What differs between two providers' answers to one route."""

    def succeed(self, path: str, params: Parameters, data: object, at: datetime) -> Body:
        """The envelope of HTTP 200 around ``data``."""
        ...

    def refuse(self, refusal: Refusal, path: str, params: Parameters, at: datetime) -> Body:
        """The body of an HTTP error."""
        ...

    def fail_inside(self, path: str, params: Parameters, at: datetime) -> Body:
        """An error under HTTP 200."""
        ...


class TikHub:
    """Errors under ``detail``; every envelope echoes the parameters as strings, the cookie among them."""

    def succeed(self, path: str, params: Parameters, data: object, at: datetime) -> Body:
        """Code 200, with a link to a public copy of the answer, as the provider gives one."""
        request_id = str(uuid4())
        return {
            "code": 200,
            "request_id": request_id,
            "message": "Request successful. This request will incur a charge.",
            "message_zh": "请求成功。本次请求将被计费。",
            **_sign(at),
            "cache_message": "This request will be cached for 24 hours.",
            "cache_message_zh": "本次请求将被缓存 24 小时。",
            "cache_url": f"https://cache.example.invalid/api/v1/cache/public/{request_id}?sign={uuid4().hex}",
            "router": path,
            "params": dict(params),
            "data": data,
        }

    def refuse(self, refusal: Refusal, path: str, params: Parameters, at: datetime) -> Body:
        """A table under ``detail``, short where the rate limit speaks."""
        if refusal.status == 429:
            return {"detail": {"code": 429, "message": refusal.english}}
        words = {"message": refusal.english, "message_zh": refusal.chinese, **_sign(at)}
        where = {"router": path, "params": dict(params)}
        return {"detail": {"code": refusal.status, "request_id": str(uuid4()), **words, **where}}

    def fail_inside(self, path: str, params: Parameters, at: datetime) -> Body:
        """A success whose data are an error of the platform."""
        return self.succeed(path, params, {"code": 5, "message": "upstream error", "data": None}, at)


class KeyOfTikHub(TikHub):
    """The key's own account: its data lie beside the code, and nothing of the request is echoed."""

    def succeed(self, path: str, params: Parameters, data: object, at: datetime) -> Body:  # noqa: ARG002 - Speech
        """Code 200 and the data in the same object."""
        return {"code": 200, "router": path, **(data if isinstance(data, dict) else {})}


def _sign(at: datetime) -> Body:
    local = at.astimezone(ZoneInfo(_TIKHUB_ZONE))
    return {
        "support": "Discord: https://example.invalid/support",
        "time": f"{local:%Y-%m-%d %H:%M:%S}",
        "time_stamp": int(at.timestamp()),
        "time_zone": _TIKHUB_ZONE,
        "docs": "https://example.invalid/docs",
    }


class KeyApi:
    """``code`` 0 is success; errors carry no request id."""

    def succeed(self, path: str, params: Parameters, data: object, at: datetime) -> Body:  # noqa: ARG002 - Speech
        """Code 0 and nothing of the request."""
        return {"code": 0, "message": "success", "data": data, "requestId": str(uuid4())}

    def refuse(self, refusal: Refusal, path: str, params: Parameters, at: datetime) -> Body:  # noqa: ARG002 - Speech
        """The status once more, and a few words."""
        return {"code": refusal.status, "data": None, "message": refusal.keyapi}

    def fail_inside(self, path: str, params: Parameters, at: datetime) -> Body:  # noqa: ARG002 - Speech
        """A code other than 0."""
        return {"code": 500, "data": None, "message": "Internal server error"}
