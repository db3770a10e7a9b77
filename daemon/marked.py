"""YAML text as plain values that remember where they stood.

Built on PyYAML's events, so that depth, number of nodes and size are bounded before anything is built. What is taken:
one document of mappings, lists, scalars, anchors and aliases. What is not: tags, merge keys (``<<``), keys that are
not text, a key twice.

Unquoted scalars: ``null``, ``~`` and nothing are None; ``true`` and ``false`` are booleans; ``12``, ``-3``, ``0.5``,
``.5`` and ``1e3`` are numbers. All else stays text: ``on``, ``yes``, ``no``, ``1:30``, ``1_000``, ``0x1F``, ``.nan``,
and ``012``, since what starts with a zero is an id. A key is always text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import yaml

MAX_BYTES = 10_000_000
MAX_NODES = 200_000
MAX_DEPTH = 64

Where = tuple[str | int, ...]
"""The way from the root to a value: keys of mappings and 0-based positions in lists."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong at one place of a file, and what was probably meant. Quotes no secret.

    ``file`` is "" for the configuration itself, else the path of a file that it names. Those come last in order.
    """

    file: str = field(default="", kw_only=True)
    line: int
    column: int
    text: str

    def shown(self, file: str) -> str:
        """``file:line:column: text``, as compilers write it; ``file`` is the path of the configuration."""
        return f"{self.file or file}:{self.line}:{self.column}: {self.text}"


@dataclass(frozen=True, slots=True)
class Tree:
    """A document: its value, where everything in it stood, and the keys that stood twice (the last one counts)."""

    value: object
    problems: tuple[Problem, ...]
    nodes: Mapping[Where, yaml.Event] = field(repr=False)
    keys: Mapping[Where, yaml.Event] = field(repr=False)
    source: str = field(repr=False)

    def mark(self, where: Where, offset: int | None = None) -> Mark:
        """Where a value stands, or the nearest value around it.

        ``offset`` is the 0-based number of a character in a text: its own place is returned, in every style of scalar
        (for a blank, the place behind the word before it).
        """
        while where and where not in self.nodes:
            where = where[:-1]
        event = self.nodes.get(where)
        if event is None:
            return Mark(1, 1)
        return _mark(event) if offset is None else _inside(event, self.source, offset)

    def key_mark(self, where: Where) -> Mark:
        """Where the key of a value stands; the value itself for an item of a list."""
        return _mark(self.keys[where]) if where in self.keys else self.mark(where)


def read(path: Path, opened: Callable[[Path], bytes] = Path.read_bytes) -> str | Problem:
    """The text of a file of at most 10 MB; a file that is missing, too big or not UTF-8 is a Problem."""
    try:
        if not path.is_file():
            return Problem(1, 1, _no_file(path))
        if path.stat().st_size > MAX_BYTES:
            return Problem(1, 1, f"the file is larger than {MAX_BYTES // 1_000_000} MB: is it the right one?")
        return opened(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Problem(line, 1, "the file is not UTF-8 text: save it as UTF-8")
    except OSError as error:
        return Problem(1, 1, f"the file cannot be read: {error.strerror}")


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "this is a folder, not a file"
    return "this is not a regular file" if path.exists() else "there is no such file"


def parse(text: str) -> Tree | Problem:
    """The document in ``text``, or the first thing that makes it unreadable. Never raises, and takes bounded time."""
    source = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    strange = _STRANGE.search(source)
    if strange is not None:
        line = source.count("\n", 0, strange.start()) + 1
        column = strange.start() - source.rfind("\n", 0, strange.start())
        return Problem(line, column, f"the character U+{ord(strange[0]):04X} is not allowed in YAML")
    try:
        return _Builder(source).tree()
    except _RefusedError as refused:
        return _problem(refused.mark, refused.text)
    except yaml.MarkedYAMLError as error:
        return _misspelt(error)


_STRANGE = re.compile(r"[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class _RefusedError(Exception):
    """Ends the reading: what follows cannot be understood or is too much."""

    def __init__(self, event: yaml.Event, text: str) -> None:
        super().__init__(text)
        self.mark = _mark(event)
        self.text = text


def _mark(event: yaml.Event) -> Mark:
    at = event.start_mark
    return Mark(at.line + 1, at.column + 1) if at else Mark(1, 1)


def _problem(mark: Mark, text: str) -> Problem:
    return Problem(mark.line, mark.column, text)


_HINTS = {
    "mapping values are not allowed in this context": "a text with `: ` in it needs quotes; or see the indentation",
    "did not find expected key": "a line is indented wrongly, or a quote or bracket is not closed",
    "did not find expected '-' indicator": "a line is indented wrongly",
    "did not find expected ',' or '}'": "the { is not closed; or a text inside, such as ${NAME}, needs quotes",
    "did not find expected ',' or ']'": "the [ is not closed; or a text inside, such as ${NAME}, needs quotes",
    "found character that cannot start any token": "indent with spaces; a text that starts with %, @ or ` needs quotes",
    "found a tab character that violates indentation": "indent with spaces",
    "found unexpected end of stream": "a quote is not closed",
}


def _misspelt(error: yaml.MarkedYAMLError) -> Problem:
    at, begun = error.problem_mark or error.context_mark, error.context_mark
    text = f"this is not YAML: {error.problem}"
    if error.context and at and begun and begun.line != at.line:
        text += f" {error.context} of line {begun.line + 1}"
    if error.problem in _HINTS:
        text += f" ({_HINTS[error.problem]})"
    return Problem(at.line + 1, at.column + 1, text) if at else Problem(1, 1, text)


class _Expansion:
    """The events of a text with each alias replaced by what it stands for, and their number bounded."""

    def __init__(self) -> None:
        self._seen: list[yaml.Event] = []
        self._open: list[tuple[str | None, int]] = []
        self._anchors: dict[str, slice | None] = {}  # None: not complete yet
        self._nodes = 0

    def of(self, source: str) -> Iterator[yaml.Event]:
        for event in yaml.parse(source, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                for copy in self._aliased(event):
                    yield self._keep(copy)
            else:
                self._note_anchor(event)
                yield self._keep(event)

    def _aliased(self, event: yaml.AliasEvent) -> list[yaml.Event]:
        if event.anchor not in self._anchors:
            raise _RefusedError(event, "there is no anchor of this name above; a text that starts with * needs quotes")
        part = self._anchors[event.anchor]
        if part is None:
            raise _RefusedError(event, "this alias stands inside the value that it names")
        return self._seen[part]

    def _note_anchor(self, event: yaml.Event) -> None:
        here = len(self._seen)
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, here))
            if event.anchor is not None:
                self._anchors[event.anchor] = None
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, start = self._open.pop()
            if anchor is not None:
                self._anchors[anchor] = slice(start, here + 1)
        elif isinstance(event, yaml.ScalarEvent) and event.anchor is not None:
            self._anchors[event.anchor] = slice(here, here + 1)

    def _keep(self, event: yaml.Event) -> yaml.Event:
        self._seen.append(event)
        self._nodes += isinstance(event, yaml.NodeEvent)
        if self._nodes > MAX_NODES:
            raise _RefusedError(event, f"the document has more than {MAX_NODES} values (aliases are counted in full)")
        return event


class _Builder:
    """Turns events into values; recursion is bounded by MAX_DEPTH."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._events = _Expansion().of(source)
        self._nodes: dict[Where, yaml.Event] = {}
        self._keys: dict[Where, yaml.Event] = {}
        self._problems: list[Problem] = []

    def tree(self) -> Tree:
        value: object = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError(event, "a second document starts here; one file holds one document")
                value = self._node(next(self._events), ())
        return Tree(value, tuple(self._problems), self._nodes, self._keys, self._source)

    def _node(self, event: yaml.Event, where: Where) -> object:
        if len(where) > MAX_DEPTH:
            raise _RefusedError(event, f"more than {MAX_DEPTH} values are nested in each other")
        if getattr(event, "tag", None) is not None:
            raise _RefusedError(event, "tags (`!something`) are not supported: remove it")
        self._nodes[where] = event
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else resolve(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._items(where))
        return dict(self._pairs(where))

    def _items(self, where: Where) -> Iterator[object]:
        for position, event in enumerate(self._events):
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, (*where, position))

    def _pairs(self, where: Where) -> Iterator[tuple[str, object]]:
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                return
            key = self._key(event, where)
            yield key, self._node(next(self._events), (*where, key))

    def _key(self, event: yaml.Event, where: Where) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            raise _RefusedError(event, "a key must be plain text")
        if event.value == "<<" and not event.style:
            raise _RefusedError(event, "merging with `<<` is not supported: write the keys out")
        key = str(event.value)
        first = self._keys.setdefault((*where, key), event)
        if first is not event:
            text = f"the same key stands in line {_mark(first).line} already"
            self._problems.append(_problem(_mark(event), text))
        return key


_NUMBER = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]{0,99})(?P<fraction>\.[0-9]*)?|(?P<bare>\.[0-9]+))(?P<power>[eE][-+]?[0-9]+)?"
)
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def resolve(plain: str) -> str | int | float | bool | None:
    """What an unquoted scalar means; this module's docstring says which scalars are not text."""
    if plain in _WORDS:
        return _WORDS[plain]
    match = _NUMBER.fullmatch(plain)
    if match is None:
        return plain
    if not any(match.groupdict().values()):
        return int(plain)
    return float(plain) if math.isfinite(float(plain)) else plain


# --- from an offset inside a scalar's value to a place in its source ---------------------------------------------
#
# Indentation, folding and block headers only ever touch blanks. So the n-th character of the value that is no blank
# comes from the n-th piece of the source that is no blank, in every style.

_ANCHOR = re.compile(r"&\S+\s+")
_PLAIN_PIECE = re.compile(r"\S")
_SINGLE_PIECE = re.compile(r"''|\S")
_DOUBLE_PIECE = re.compile(r"\\(?:x..|u.{4}|U.{8}|[\s\S])|\S")
_BLANK_ESCAPES = frozenset("\t\n tnvrN_LP")


def _inside(event: yaml.Event, source: str, offset: int) -> Mark:
    start = _mark(event)
    if not isinstance(event, yaml.ScalarEvent) or event.start_mark is None or event.end_mark is None:
        return start
    written, value = source[event.start_mark.index : event.end_mark.index], event.value
    before = sum(not character.isspace() for character in value[:offset])
    pieces = list(islice(_pieces(written), before + 1))
    on_piece = offset < len(value) and not value[offset].isspace()
    if on_piece and before < len(pieces):
        return _advance(start, written[: pieces[before].start()])
    if 0 < before <= len(pieces):
        return _advance(start, written[: pieces[before - 1].end()])
    return start


def _pieces(source: str) -> Iterator[re.Match[str]]:
    anchor = _ANCHOR.match(source)
    start, end = (anchor.end() if anchor else 0), len(source)
    style = source[start : start + 1]
    if style in ("|", ">"):
        return _PLAIN_PIECE.finditer(source, source.find("\n", start))
    if style == "'":
        return _SINGLE_PIECE.finditer(source, start + 1, end - 1)
    if style == '"':
        found = _DOUBLE_PIECE.finditer(source, start + 1, end - 1)
        return (piece for piece in found if not _is_blank(piece[0]))
    return _PLAIN_PIECE.finditer(source, start)


def _is_blank(piece: str) -> bool:
    if piece[:2] in ("\\x", "\\u", "\\U"):
        return chr(int(f"0x{piece[2:]}", 16)).isspace()
    return piece[0] == "\\" and piece[1] in _BLANK_ESCAPES


def _advance(mark: Mark, passed: str) -> Mark:
    lines = passed.count("\n")
    return Mark(mark.line + lines, len(passed) - passed.rfind("\n") if lines else mark.column + len(passed))
