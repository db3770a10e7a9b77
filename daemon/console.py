"""A message as a block of lines on a terminal or in a pipe."""

from __future__ import annotations

import re
from typing import TextIO

from rich.console import Console
from rich.text import Text

from rules.values import News, Severity
from rules.wording import Message

_MARK = {Severity.INFO: "i", Severity.WARNING: "!", Severity.HIGH: "!!", Severity.CRITICAL: "!!!"}
_STYLE = {
    Severity.INFO: "bold cyan",
    Severity.WARNING: "bold yellow",
    Severity.HIGH: "bold red",
    Severity.CRITICAL: "bold white on red",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def show(message: Message, id_text: str, out: TextIO) -> None:
    """Write one message to ``out`` in one write, and flush.

    The title line carries a mark of the severity ("!!!" is critical, "ok" is over), the body is indented below it and
    ends with the id. Colours only where ``out`` is a terminal and NO_COLOR is not set; lines are never wrapped.
    Raises OSError or UnicodeError where ``out`` does not take the text.
    """
    console = Console(file=out, highlight=False, soft_wrap=True)
    with console.capture() as block:  # rich itself would end the process on a broken pipe
        console.print(_block(message, id_text))
    out.write(block.get())
    out.flush()


def _block(message: Message, id_text: str) -> Text:
    mark, style = _dress(message)
    title = " ".join(_clean(message.title).split())
    lines = [f"    {line}" for line in (*_clean(message.body).splitlines(), f"id: {id_text}")]
    return Text.assemble((f"[{mark}] {title}", style), "\n", "\n".join(lines))


def _dress(message: Message) -> tuple[str, str]:
    if message.news is News.RESOLVED:
        return "ok", "bold green"
    return _MARK[message.severity], _STYLE[message.severity]


def _clean(text: str) -> str:
    # A nickname is a stranger's text: an escape sequence in it would steer the operator's terminal.
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
