"""From an HTTP answer to the data it holds, or to the reason why it holds none.

Both providers wrap their data, answer HTTP 200 to calls that failed, and echo keys and cookies in their messages. So
success is a conjunction (status, outer code, inner codes, data), and every sentence that leaves here is our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

from daemon.providers.answer import Failure, Reason
from daemon.providers.endpoint import Provider
from daemon.providers.payload import amount, ident, number, table, text
from daemon.workbook import Unreadable, read_rows

_SUCCESS: Mapping[Provider, frozenset[float | None]] = {
    Provider.TIKHUB: frozenset({None, 0, 200}),
    Provider.KEYAPI: frozenset({0}),
}
_CODES = ("code", "status_code", "statusCode")
_IDENTITIES = ("item_id", "ids", "user_id", "product_id")
# ``params`` echoes the cookie, ``cache_url`` is a link to the same private answer without a key: neither leaves here.
_ENVELOPE = {
    *_CODES,
    *("request_id", "requestId", "router", "params", "docs", "support", "cache_url", "cache_message"),
    *("cache_message_zh", "time", "time_stamp", "time_zone", "message", "message_zh", "status_msg", "detail", "error"),
}
_NEVER_KEPT = frozenset({"params", "cache_url"})
_REFUSALS: Mapping[float | None, tuple[Reason, str]] = {
    400: (Reason.CLIENT, "the provider calls the request wrong"),
    401: (Reason.AUTH, "the provider does not accept the API key"),
    402: (Reason.BALANCE, "the balance of the provider account is used up"),
    404: (Reason.NOT_FOUND, "the provider knows no such subject"),
    422: (Reason.CLIENT, "the provider calls the request's parameters wrong"),
    428: (Reason.COOKIE, "the provider says that the cookie has expired"),
    10201: (Reason.CLIENT, "the platform calls the parameters wrong"),
    10202: (Reason.NOT_FOUND, "the platform knows no such account"),
    10221: (Reason.NOT_FOUND, "the platform shows no such account: deleted or banned"),
}
_BALANCE_WORDS = ("余额", "充值", "balance", "recharge", "quota", "credit", "funds")
_RETRY_WORDS = ("retry", "重试")
_MOST_ROWS = 1000  # the provider exports no more
_BROKEN = object()
_NOT_JSON = Failure(Reason.BAD_PAYLOAD, "the data is neither an object nor a list")


@dataclass(frozen=True, slots=True)
class Opened:
    """The data of a successful answer, free of its envelope: an object or a list, never an empty object or list.

    Of a spreadsheet it is the list of its rows, which may be empty.
    """

    data: object


def open_answer(
    provider: Provider,
    status: int,
    body: bytes,
    *,
    content_type: str,
    retry_after: str | None,
    expected: Mapping[str, object],
) -> Opened | Failure:
    """Return what an HTTP answer comes to, and of a failure whether it is billed. Never raises, whatever the body.

    ``retry_after`` is in seconds. ``expected`` holds the request's parameters: where the answer's echo of the video,
    the account or the product differs from them, the answer is WRONG_IDENTITY.
    """
    answer = _parse(body)
    code = _outer_code(answer) if isinstance(answer, dict) else None
    opened = _open(provider, status, code, answer, content_type, retry_after, expected)
    return replace(opened, billed=is_billed(provider, status, code)) if isinstance(opened, Failure) else opened


def is_billed(provider: Provider, status: int, code: float | None = None) -> bool | None:
    """Say whether an answer is on the bill, by its HTTP status and its body's ``code``; None if that cannot be told.

    TikHub bills HTTP 200, whatever the body holds. At KeyAPI a code other than 0 costs nothing.
    """
    if status != 200:
        return False
    if provider is Provider.TIKHUB:
        return True
    return None if code is None else code == 0


def _open(
    provider: Provider,
    status: int,
    code: float | None,
    answer: object,
    content_type: str,
    retry_after: str | None,
    expected: Mapping[str, object],
) -> Opened | Failure:
    if not 200 <= status < 300:
        return _refusal(provider, status, answer, retry_after)
    if not isinstance(answer, dict):
        return _no_object(content_type)
    if code not in _SUCCESS[provider]:
        return _refusal(provider, code, answer, retry_after)
    if _is_about_another(table(answer.get("params")), expected):
        return Failure(Reason.WRONG_IDENTITY, "the answer is about another subject than the one asked for")
    rest = {key: value for key, value in answer.items() if key not in _ENVELOPE}
    return _unwrap(provider, rest.get("data", rest))


def _parse(body: bytes | str) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _BROKEN


def _no_object(content_type: str) -> Failure:
    """A page is what a gateway puts before every answer: not to be told of every target."""
    if content_type.partition(";")[0].strip().lower() == "text/html":
        return Failure(Reason.BLOCKED, "an HTML page came instead of JSON")
    return Failure(Reason.BAD_PAYLOAD, "the answer is not a whole JSON object")


def _outer_code(answer: Mapping[str, object]) -> float | None:
    code = number(answer.get("code"))
    return number(table(answer.get("detail")).get("code")) if code is None else code


def _is_about_another(params: Mapping[str, object], expected: Mapping[str, object]) -> bool:
    echoed = {key: ident(params.get(key)) for key in _IDENTITIES if key in expected}
    return any(value not in ("", expected[key]) for key, value in echoed.items())


def open_workbook(body: bytes) -> Opened | Failure:
    """Return the rows of a spreadsheet that came as an answer. Never raises, whatever the body; may take a second."""
    rows = read_rows(body, most_rows=_MOST_ROWS)
    if isinstance(rows, Unreadable):
        return Failure(Reason.BAD_PAYLOAD, f"the spreadsheet cannot be read: {rows.reason}")
    return Opened(rows)


def _unwrap(provider: Provider, data: object, levels: int = 3) -> Opened | Failure:
    """Open what may be JSON in a string, or a ``{code, message, data}`` inside the data."""
    inner = _parse(data) if isinstance(data, str) and data else data
    if isinstance(inner, dict):
        return _open_object(provider, inner, levels)
    if inner in (None, "", []):
        return Failure(Reason.EMPTY, "the answer holds no data")
    return Opened(inner) if isinstance(inner, list) else _NOT_JSON


def _open_object(provider: Provider, data: dict[str, object], levels: int) -> Opened | Failure:
    codes = [number(data[name]) for name in _CODES if name in data]
    # 200 occurs where one envelope of the provider lies in another.
    failed = next((code for code in codes if code not in (None, 0, 200)), None)
    if failed is not None:
        return _refusal(provider, failed, data, None)
    if codes and "data" in data and levels:
        return _unwrap(provider, data["data"], levels - 1)
    if data.keys() <= _ENVELOPE:
        return Failure(Reason.EMPTY, "the answer holds no data")
    return Opened({key: value for key, value in data.items() if key not in _NEVER_KEPT})


def _refusal(provider: Provider, code: float | None, answer: object, retry_after: str | None) -> Failure:
    """Return why a call failed; ``code`` is an HTTP status, or a code of the body that means the same."""
    if code == 403:
        return _forbidden(answer)
    if code == 404 and isinstance(answer, dict) and answer.get("detail") == "Not Found":
        # The web framework's own words: no target is gone, the route is. Not to be told of every target.
        return Failure(Reason.BLOCKED, "the provider has no such route (any more)")
    if code == 429:
        return Failure(Reason.RATE_LIMITED, "the provider wants fewer calls", amount(retry_after))
    if code is not None and (500 <= code < 600 or _failed_upstream(provider, code, answer)):
        return Failure(Reason.SERVER, f"the provider failed with {code:.0f}", amount(retry_after))
    return Failure(*(_REFUSALS.get(code) or _unlisted(code)))


def _unlisted(code: float | None) -> tuple[Reason, str]:
    if code is None:
        return Reason.BAD_PAYLOAD, "the answer holds no code that says whether the call succeeded"
    if 300 <= code < 400:
        return Reason.BLOCKED, "a redirect came; it is not followed, for it would take the key elsewhere"
    if 400 <= code < 500:
        return Reason.CLIENT, f"the provider refused the request with {code:.0f}"
    return Reason.EMPTY, f"the answer carries the undocumented code {code:.0f} in place of data"


def _forbidden(answer: object) -> Failure:
    """Tell the three causes of a 403 apart: a used-up balance, a missing scope, and the wall before the provider."""
    if not isinstance(answer, dict) or number(answer.get("error_code")) == 1010:
        return Failure(Reason.BLOCKED, "the provider's front door refused this client before the key was looked at")
    if any(word in _message(answer) for word in _BALANCE_WORDS):
        return Failure(Reason.BALANCE, "the balance of the provider account is used up")
    return Failure(Reason.SCOPE, "the API key has no permission for this route")


def _failed_upstream(provider: Provider, code: float, answer: object) -> bool:
    """Say whether a 400 is TikHub's way to say that the platform behind it failed ("please retry")."""
    retry = any(word in _message(answer) for word in _RETRY_WORDS)
    return provider is Provider.TIKHUB and code == 400 and retry


def _message(answer: object) -> str:
    """Return the provider's own words in lower case: to look for words in, never to be shown."""
    outer = table(answer)
    inner = table(outer.get("detail")) or outer
    return " ".join(text(inner.get(name)) for name in ("message", "message_zh", "detail", "error")).lower()
