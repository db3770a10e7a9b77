"""What each fault of ``world.FAULTS`` does to an answer: refuse it, falsify its data or damage its bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

from starlette.responses import JSONResponse, Response, StreamingResponse

from daemon.simulator.speech import Refusal

HUGE_BYTES = 6 * 1024 * 1024
RETRY_AFTER_S = 30

REFUSALS: Mapping[str, Refusal] = {
    "http-500": Refusal(500, "Internal server error.", "服务器内部错误。", "Internal server error"),
    "http-400-retry": Refusal(
        400,
        "Request failed. Please retry. You will not be charged for this request.",
        "请求失败。请重试。本次请求不会被计费。",
        "Request failed, please retry",
    ),
    "rate-limited": Refusal(429, "Too Many Requests", "请求过多。", "qps limit exceeded"),
    "balance-402": Refusal(402, "Insufficient balance.", "账户余额不足。请充值。", "apiKey quota is not enough"),
    "balance-403": Refusal(
        403, "Insufficient balance, please recharge.", "账户余额不足。请充值。", "apiKey quota is not enough"
    ),
    "scope-403": Refusal(
        403,
        "The API token lacks permission for this endpoint.",
        "API令牌缺少访问该接口的权限。",
        "no access to this endpoint",
    ),
    "not-found": Refusal(404, "The resource does not exist.", "资源不存在。", "not found"),
    "cookie-401": Refusal(401, "Unauthorized.", "未授权。", "unauthorized"),
    "cookie-428": Refusal(428, "The cookie has expired.", "Cookie已过期。", "cookie expired"),
}
"""The faults that are an HTTP status with a body of the provider's own."""

OF_COOKIES = frozenset({"cookie-expired", "cookie-401", "cookie-428"})
"""The faults that only a call with a cookie meets."""

JSON = "application/json"
_DISTORTING = frozenset({"field-gone", "field-text", "scale-100"})
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_PAGE = "<!doctype html><html><title>Just a moment</title><body>Please wait.</body></html>"
_FIREWALL = {
    "title": "Error 1010: Access denied",
    "status": 403,
    "detail": "The site owner has blocked access based on your browser's signature.",
    "error_code": 1010,
    "error_name": "browser_signature_banned",
}


def falsify(fault: str, needs_cookie: bool, main: str, data: object) -> object:
    """The data of an answer, or what the fault leaves of them; ``main`` is the key of the main number."""
    if fault == "cookie-expired":
        return None
    if fault == "empty-200":
        return [] if isinstance(data, list) and not needs_cookie else {}
    return _distort(fault, main, data) if fault in _DISTORTING else data


def _distort(fault: str, main: str, data: object) -> object:
    """The data with ``main`` spoiled wherever it occurs."""
    if isinstance(data, list):
        return [_distort(fault, main, one) for one in data]
    if not isinstance(data, dict):
        return data
    kept = {key: value for key, value in data.items() if not (fault == "field-gone" and key == main)}
    return {key: _bend(fault, value) if key == main else _distort(fault, main, value) for key, value in kept.items()}


def _bend(fault: str, value: object) -> object:
    if fault == "field-text":
        return "n/a"
    if isinstance(value, int | float):
        return 100 * value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return f"{100 * float(value):g}"
    return value


def damage(fault: str, body: bytes, media_type: str = JSON) -> Response:
    """The answer with ``body``, or what the fault makes of its bytes. A cut body has the length of the cut."""
    match fault:
        case "bad-json":
            return Response(body[:-1] + b",]", media_type=media_type)
        case "html":
            return Response(_PAGE, media_type="text/html")
        case "truncated":
            return Response(body[: len(body) // 2], media_type=media_type)
        case "huge-body":
            return StreamingResponse(_pad(body), media_type=media_type)
        case "cloudflare-1010":
            return JSONResponse(_FIREWALL, 403)
        case _:
            return Response(body, media_type=media_type)


async def _pad(body: bytes) -> AsyncIterator[bytes]:
    """``body`` and blanks: JSON stays JSON, so only its size is wrong."""
    yield body
    for _ in range(HUGE_BYTES // 65_536):
        yield b" " * 65_536
