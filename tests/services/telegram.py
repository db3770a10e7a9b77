"""Telegram's Bot API: sendMessage and sendPhoto, with the checks of both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser

from tests.services.web import Answer, Asked, Service

TOKEN, CHAT = "123456789:abcdefg_hijklmnop", "-100123"
URL = f"tgram://{TOKEN}/{CHAT}/"

MAX_TEXT, MAX_CAPTION = 4096, 1024  # telegram.py of apprise: body_maxlen, telegram_caption_maxlen
TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "span", "tg-spoiler"}
TAGS |= {"tg-emoji", "blockquote"}  # grammy.dev/ref/types/ParseMode; telegram.py of apprise: TelegramHTMLReducer


class EntityError(ValueError):
    """The markup is not what Telegram reads."""


@dataclass(frozen=True)
class Said:
    """A message as a person sees it; ``photo`` is the picture's bytes."""

    text: str
    bold: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    photo: bytes = b""


class Telegram(Service):
    host = "api.telegram.org"

    def busy(self, seconds: int) -> Answer:
        # pastebin.com/cK9kmwfh (an answer as it came): no header, the seconds are in the JSON
        told = {"description": f"Too Many Requests: retry after {seconds}", "parameters": {"retry_after": seconds}}
        return Answer(429, {"ok": False, "error_code": 429, **told})

    def answer(self, asked: Asked) -> Answer:
        token, _, method = asked.path.removeprefix("/bot").rpartition("/")
        if token != TOKEN:
            return no(401, "Unauthorized")
        match method:
            case "sendMessage":
                return self.message(asked)
            case "sendPhoto":
                return self.photo(asked)
        return no(404, "Not Found")

    def message(self, asked: Asked) -> Answer:
        got = asked.json
        if str(got.get("chat_id")) != CHAT:
            return no(400, "Bad Request: chat not found")
        return self.keep(got.get("text", ""), got.get("parse_mode", ""), MAX_TEXT)

    def photo(self, asked: Asked) -> Answer:
        got = asked.parts
        if got.get("chat_id", b"").decode() != CHAT:
            return no(400, "Bad Request: chat not found")
        if not got.get("photo", b"").startswith(b"\x89PNG"):
            return no(400, "Bad Request: IMAGE_PROCESS_FAILED")
        mode = got.get("parse_mode", b"").decode()
        return self.keep(got.get("caption", b"").decode(), mode, MAX_CAPTION, got["photo"])

    def keep(self, text: str, mode: str, most: int, photo: bytes = b"") -> Answer:
        try:
            said = parsed(text, mode)
        except EntityError as error:
            return no(400, f"Bad Request: can't parse entities: {error}")
        if not (said.text.strip() or photo):
            return no(400, "Bad Request: message text is empty")
        if len(said.text.encode("utf-16-le")) // 2 > most:
            return no(400, "Bad Request: message is too long")
        self.accepted.append(Said(said.text, said.bold, said.links, photo))
        return Answer(200, {"ok": True, "result": {"message_id": len(self.accepted)}})


def no(code: int, why: str) -> Answer:
    return Answer(code, {"ok": False, "error_code": code, "description": why})


def parsed(text: str, mode: str) -> Said:
    """A text in one of Telegram's styles; raises ``EntityError`` where Telegram says 400."""
    match mode.lower():
        case "html":
            return Html(text).said
        case "markdown":
            return old_markdown(text)
        case "markdownv2":
            return new_markdown(text)
    return Said(text)


class Html(HTMLParser):
    """Every tag must be one of a few, and be closed in its order; of named characters there are four."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=False)
        self.text, self.bold, self.links, self.open = "", [], [], []
        if re.search(r"<(?![/a-zA-Z])", text):
            raise EntityError("unsupported start tag")
        self.feed(text)
        self.close()
        if self.open:
            raise EntityError(f"can't find end tag corresponding to start tag {self.open[-1][0]}")
        self.said = Said(self.text, tuple(self.bold), tuple(self.links))

    def handle_starttag(self, tag, attrs):
        if tag not in TAGS:
            raise EntityError(f"unsupported start tag {tag}")
        self.links += [value for name, value in attrs if (tag, name) == ("a", "href")]
        self.open.append((tag, len(self.text)))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            raise EntityError(f"unmatched end tag {tag}")
        _, start = self.open.pop()
        if tag in {"b", "strong"}:
            self.bold.append(self.text[start:])

    def handle_data(self, data):
        self.text += data

    def handle_entityref(self, name):
        self.text += unescape(f"&{name};") if name in {"lt", "gt", "amp", "quot"} else f"&{name};"

    def handle_charref(self, name):
        self.text += unescape(f"&#{name};")


def old_markdown(text: str) -> Said:
    """``*bold* _italic_ [text](url) `code` ``, nothing inside another; a mark that is not closed is an error."""
    shown, bold, links, rest = "", [], [], text
    while rest:
        if re.match(r"\\[_*`\[]", rest):
            shown, rest = shown + rest[1], rest[2:]
        elif rest[0] not in "_*`[":
            shown, rest = shown + rest[0], rest[1:]
        else:
            found = re.match(
                r"```(.*?)```|`([^`]*)`|\*([^*]*)\*|_([^_]*)_|\[([^\]]*)\](?:\(([^)]*)\))?", rest, re.DOTALL
            )
            if found is None:
                raise EntityError(f"can't find end of the entity starting at byte offset {len(text) - len(rest)}")
            shown += next(inner for inner in found.groups() if inner is not None)
            bold += [found[3]] if found[3] else []
            links += [found[6]] if found[6] else []
            rest = rest[found.end() :]
    return Said(shown, tuple(bold), tuple(links))


RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
"""Of MarkdownV2 (docs.rs/teloxide: ParseMode): each is part of markup, or has a backslash before it."""
TOKENS = re.compile(r"\\(.)|(```|`|\|\||__|[*_~])|(\[)|\]\(((?:\\.|[^)\\])*)\)|(?m:^)(>)|(.)", re.DOTALL)


def new_markdown(text: str) -> Said:
    """``*bold* _italic_ __underlined__ ~struck~ ||hidden|| `code` [text](url)``, and ``>`` at a line's start."""
    shown, bold, links, stack = "", [], [], []
    for found in TOKENS.finditer(text):
        escaped, mark, bracket, link, quote, plain = found.groups()
        if mark and stack and stack[-1][0] == mark:
            start = stack.pop()[1]
            bold += [shown[start:]] if mark == "*" else []
        elif mark or bracket:
            stack.append((mark or bracket, len(shown)))
        elif link is not None and stack and stack.pop()[0] == "[":
            links.append(link)
        elif link is not None or plain in RESERVED:
            raise EntityError(f"character {found[0][0]!r} is reserved and must be escaped")
        elif not quote:
            shown += escaped or plain
    if stack:
        raise EntityError(f"can't find end of {stack[-1][0]}")
    return Said(shown, tuple(bold), tuple(links))
