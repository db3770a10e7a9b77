"""The text of an expression as a tree.

::

    expression := and-part { "or" and-part }
    and-part   := not-part { "and" not-part }
    not-part   := "not" not-part | comparison
    comparison := sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
    sum        := product { ("+" | "-") product }
    product    := signed { ("*" | "/") signed }
    signed     := "-" signed | atom
    atom       := NUMBER | NUMBER "%" | DURATION | STRING | series
                | NAME "(" [ expression { "," expression } ] ")" | "(" expression ")"
    series     := NAME [ "{" NAME ("=" | "!=") STRING { "," NAME ("=" | "!=") STRING } "}" ]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from rules.durations import parse_duration

MAX_LENGTH = 2_000
MAX_TOKENS = 300
MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, and the ``text`` it is written in; ``unit_s`` marks a duration (then ``value`` is in seconds)."""

    at: int
    value: float
    text: str
    unit_s: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text."""

    at: int
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """``label = "value"`` or ``label != "value"``."""

    at: int
    label: str
    value: str
    equal: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The series of a metric, narrowed by selectors."""

    at: int
    metric: str
    selectors: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A function and what it is applied to."""

    at: int
    function: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x`` or ``not x``."""

    at: int
    operator: str
    operand: Tree


@dataclass(frozen=True, slots=True)
class Binary:
    """``x operator y``; ``at`` is where the operator stands."""

    at: int
    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Named:
    """A name of ``define:`` and what it stands for (``rules.trees``); the parser yields a Series for it."""

    at: int
    name: str
    tree: Tree


Tree = Number | Text | Series | Call | Unary | Binary | Named
_Part = TypeVar("_Part")


class ExpressionError(Exception):
    """The text is no expression: ``offset`` is the 0-based character where it goes wrong, ``text`` says how."""

    def __init__(self, offset: int, text: str) -> None:
        super().__init__(text)
        self.offset = offset
        self.text = text


@dataclass(frozen=True, slots=True)
class _Token:
    at: int
    kind: str
    text: str


_TOKENS = re.compile(
    r"""(?P<space>\s+)
      | (?P<duration>(?:\d+(?:\.\d+)?[smhdw])+\b)
      | (?P<number>(?:\d[\d_]*)(?:\.\d+)?%?(?![\w.]))
      | (?P<name>[A-Za-z_]\w*)
      | (?P<string>"[^"\n]*"|'[^'\n]*')
      | (?P<operator><=|>=|==|!=|[-+*/<>=(){},])""",
    re.VERBOSE,
)

_MEANT = {
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`, or `!=` between two values",
    "^": "there is no power operator",
    "?": "there is no conditional; use a second level or rule",
    "[": 'labels are chosen with braces: author_rank{dimension="PlayCnt"}',
    ".": "there are no attributes; a number starts with a digit (0.5)",
    '"': "the quote is not closed",
    "'": "the quote is not closed",
}

_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})


def parse(text: str) -> Tree:
    """The tree of ``text``; raises ExpressionError at the first character that fits nothing."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(MAX_LENGTH, f"the expression is longer than {MAX_LENGTH} characters")
    tokens = [*_tokens(text), _Token(len(text), "end", "")]
    if len(tokens) > MAX_TOKENS:
        raise ExpressionError(tokens[MAX_TOKENS - 1].at, f"the expression has more than {MAX_TOKENS} parts")
    parser = _Parser(tokens)
    tree = parser.expression()
    parser.finish()
    return tree


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None or match.lastgroup is None:
            raise ExpressionError(at, _strange(text, at))
        if match.lastgroup != "space":
            yield _Token(at, match.lastgroup, match.group())
        at = match.end()


def _strange(text: str, at: int) -> str:
    found = re.compile(r"[\w.]+|.").match(text, at)
    word = found.group() if found else text[at]
    if word[0].isdigit():
        return f"`{word}` is neither a number (12, 0.5, 5%) nor a duration (30s, 15m, 24h, 3d, 2w)"
    hint = _MEANT.get(word[0])
    return f"`{word[0]}` does not belong here" + (f": {hint}" if hint else "")


def _applied(at: int, operator: str, tree: Tree) -> Tree:
    """``-`` or ``not`` before a part; a number takes its sign in."""
    if operator == "-" and isinstance(tree, Number):
        return Number(at, -tree.value, f"-{tree.text}", tree.unit_s)
    return Unary(at, operator, tree)


class _Parser:
    """Recursive descent over the tokens; one method a line of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._here
        self._next += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._here.kind in {"operator", "name"} and self._here.text in texts

    def _expect(self, text: str) -> _Token:
        if not self._is(text):
            raise ExpressionError(self._here.at, f"expected `{text}`, found {self._found()}")
        return self._take()

    def _found(self) -> str:
        return f"`{self._here.text}`" if self._here.text else "the end"

    def finish(self) -> None:
        """Refuse whatever is left over."""
        if self._here.kind == "end":
            return
        hint = ""
        if self._is("="):
            hint = "; equality is written =="
        elif self._is(*_COMPARISONS):
            hint = "; comparisons do not chain: write `a < b and b < c`"
        raise ExpressionError(self._here.at, f"expected an operator or the end, found {self._found()}{hint}")

    def expression(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(self._here.at, f"nested deeper than {MAX_DEPTH} levels")
        tree = self._chain(self._conjunction, "or")
        self._depth -= 1
        return tree

    def _conjunction(self) -> Tree:
        return self._chain(self._negation, "and")

    def _negation(self) -> Tree:
        return self._prefixed("not", self._comparison)

    def _comparison(self) -> Tree:
        left = self._sum()
        if not self._is(*_COMPARISONS):
            return left
        operator = self._take()
        return Binary(operator.at, operator.text, left, self._sum())

    def _sum(self) -> Tree:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Tree:
        return self._chain(self._signed, "*", "/")

    def _signed(self) -> Tree:
        return self._prefixed("-", self._atom)

    def _chain(self, part: Callable[[], Tree], *operators: str) -> Tree:
        tree = part()
        while self._is(*operators):
            operator = self._take()
            tree = Binary(operator.at, operator.text, tree, part())
        return tree

    def _prefixed(self, operator: str, part: Callable[[], Tree]) -> Tree:
        marks = []
        while self._is(operator):
            marks.append(self._take().at)
        tree = part()
        for at in reversed(marks):
            tree = _applied(at, operator, tree)
        return tree

    def _atom(self) -> Tree:
        token = self._here
        if token.kind == "number":
            return self._number(self._take())
        if token.kind == "duration":
            return self._duration(self._take())
        if token.kind == "string":
            return Text(token.at, self._take().text[1:-1])
        if token.kind == "name" and token.text not in {"and", "or", "not"}:
            return self._name(self._take())
        if self._is("("):
            self._take()
            tree = self.expression()
            self._expect(")")
            return tree
        raise ExpressionError(token.at, f"expected a metric, a number or a function, found {self._found()}")

    def _number(self, token: _Token) -> Number:
        digits = token.text.replace("_", "")
        return Number(token.at, float(digits[:-1]) / 100 if digits.endswith("%") else float(digits), token.text)

    def _duration(self, token: _Token) -> Number:
        duration = parse_duration(token.text)
        if duration is None:
            raise ExpressionError(token.at, f"`{token.text}` is too long a time")
        return Number(token.at, duration.total_seconds(), token.text, unit_s=True)

    def _name(self, token: _Token) -> Tree:
        if self._is("("):
            self._take()
            return Call(token.at, token.text, tuple(self._list(self.expression, ")")))
        if self._is("{"):
            self._take()
            return Series(token.at, token.text, tuple(self._list(self._selector, "}")))
        return Series(token.at, token.text)

    def _list(self, part: Callable[[], _Part], close: str) -> Iterator[_Part]:
        if not self._is(close):
            yield part()
            while self._is(","):
                self._take()
                yield part()
        self._expect(close)

    def _selector(self) -> Selector:
        label = self._take()
        if label.kind != "name":
            raise ExpressionError(label.at, 'expected a label, as in {dimension="PlayCnt"}')
        if not self._is("=", "!="):
            raise ExpressionError(self._here.at, f"expected `=` or `!=`, found {self._found()}")
        equal = self._take().text == "="
        if self._here.kind != "string":
            raise ExpressionError(self._here.at, f'expected a "quoted" label value, found {self._found()}')
        return Selector(label.at, label.text, self._take().text[1:-1], equal)
