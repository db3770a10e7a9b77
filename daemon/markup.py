"""Texts of strangers inside our markup: as they read, and never as markup of their own."""

from __future__ import annotations

import re
from html import escape

from rules.wording import Markup


def escaped(text: str, markup: Markup) -> str:
    """``text`` so that it reads in ``markup`` as it is, and stays one line: it begins none that seems to be ours."""
    line = " ".join(text.splitlines())
    match markup:
        case Markup.HTML:
            return escape(line)
        case Markup.MARKDOWN:
            line = re.sub(r"\s+", " ", line)
            return _AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", line))
        case Markup.TEXT:
            return line


def linked(url: str, markup: Markup) -> str:
    """A link that shows where it goes; what is no plain http address is text."""
    if not _URL.fullmatch(url):
        return escaped(url, markup)
    match markup:
        case Markup.HTML:
            return f'<a href="{escape(url)}">{escape(url)}</a>'
        case Markup.MARKDOWN:
            return f"<{url}>"
        case Markup.TEXT:
            return url


def below(body: str, line: str, markup: Markup) -> str:
    """``body`` with one line of ours, set apart, under it."""
    text = escaped(line, markup)
    return f"{body}<br/>\n{text}" if markup is Markup.HTML else f"{body}\n\n{text}"


_SPECIAL = re.compile(r"[\\`*_\[\]<>&~|#!$^]")
_AT_START = re.compile(r"^( ?(?:\d{1,9}(?=[.)]))?)([-+=.)])")
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]+")
