"""Where services differ from what apprise takes them for: how they count, how they sign, and what they read as a call.

Apprise counts characters. Who counts bytes refuses a Chinese message that is well within the limit, some with a 200.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple, ParamSpec
from urllib.parse import unquote

from rules.wording import Markup

P = ParamSpec("P")


class Limit(NamedTuple):
    """The most that a message may be, and what one character counts."""

    most: int
    count: Callable[[str], int]


def _bytes(character: str) -> int:
    return len(character.encode("utf-8", "replace"))


def _escaped(character: str) -> int:
    """As apprise sends it: in JSON with nothing but ASCII."""
    return len(json.dumps(character)) - 2


def _code_units(character: str) -> int:
    return len(character.encode("utf-16-le", "replace")) // 2


_LIMITS = {
    "wecombot": Limit(2048, _bytes),  # docs.zhuonian.xyz/api/wecom-webhook.html
    "feishu": Limit(19_000, _escaped),  # a request of 20 KB (apprise: feishu.py), less what is around the text
    "lark": Limit(19_000, _escaped),  # as Feishu, whose other name it is
    "dingtalk": Limit(18_000, _escaped),  # a request of 20,000 bytes (apprise: dingtalk.py), which repeats the title
    "tgram": Limit(4096, _code_units),  # telegram.py of apprise; its offsets are in such units
    "discord": Limit(2000, _code_units),  # discord.py of apprise
    "slack blocks": Limit(3000, len),  # rdrr.io/github/samterfa/rSlack: section_block
}

MARKUPS = {"discord": Markup.MARKDOWN}
"""What is read as markup, though apprise calls it text."""

PICTURE_APART = frozenset({"discord"})
"""To whom apprise sends the text first, and then the picture: where that fails, the text has arrived."""

_CALLS = re.compile(r"(?<=<)(?=at\b|@)")
"""The inside of what wakes up a whole group on Feishu and WeCom."""
_CALLED = frozenset({"feishu", "lark", "wecombot"})


def characters(service: str, text: str, otherwise: int) -> int:
    """How many characters of ``text`` surely fit into one message of a service (apprise's scheme for it)."""
    limit = _LIMITS.get(service)
    return limit.most // max(map(limit.count, set(text)), default=1) if limit else otherwise


def uncalled(service: str, text: str) -> str:
    """``text``, in which a nickname calls nobody: it reads the same, but for an invisible space."""
    return _CALLS.sub("\u200b", text) if service in _CALLED else text


def calling_nobody(send: Callable[..., bool]) -> Callable[..., bool]:
    """Discord's sending, of messages that wake up nobody: an invisible space no longer does, its own switch does."""

    def quiet(payload: dict[str, object], **options: object) -> bool:
        return send({"allowed_mentions": {"parse": []}} | payload, **options)

    return quiet


def cut(title: str, most: int) -> str:
    """A title that fits, with a mark where it was cut."""
    return title if len(title) <= most else f"{title[: most - 1]}…"


def in_slacks_words(convert: Callable[P, str]) -> Callable[P, str]:
    """What apprise makes of Markdown, for Slack, which knows no backslash: it would be read.

    A mark is none with an invisible space after it (github.com/anneschuth/claude-threads/pull/92).
    """

    def converted(*args: P.args, **kwargs: P.kwargs) -> str:
        return _ESCAPED.sub(
            lambda found: f"{found[1]}\u200b" if found[1] in "*_~`" else found[1], convert(*args, **kwargs)
        )

    return converted


_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def signed_once(sign: Callable[[], tuple[str, str]]) -> Callable[[], tuple[str, str]]:
    """DingTalk's signature as it is: apprise quotes it for a URL, and requests quotes that again."""

    def signed() -> tuple[str, str]:
        timestamp, signature = sign()
        return timestamp, unquote(signature)

    return signed
