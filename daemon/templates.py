"""Templates: the only user of jinja2. A sandbox that is small by construction.

A template is checked as a tree before it runs: no calls, no macros, no variables of its own, nothing from elsewhere,
loops three deep at most and only over lists. What runs then takes so many turns of loops, and gives so much text.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, wraps
from importlib import resources
from typing import Any

from jinja2 import ChainableUndefined, Template, TemplateError, nodes, pass_context, sandbox
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.tests import TESTS
from markupsafe import Markup as Safe

from daemon.markup import escaped, linked
from rules.spelling import did_you_mean
from rules.story import Amount
from rules.values import Unit
from rules.wording import Markup, Speech

MAX_SOURCE = 16_000
"""Characters of a template."""
MAX_BYTES = 64_000
"""Of what a template gives; the rest is cut off."""
MAX_NESTED = 3
MAX_TURNS = 10_000
"""Of all loops of one message together."""
LONGEST_S = 0.5
"""Of a text: other messages wait for it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text may take: turns of loops, seconds, and bytes; the rest of it is cut off."""

    turns: float = MAX_TURNS
    seconds: float = LONGEST_S
    bytes: float = MAX_BYTES


LIMITS = Limits()
OURS = Limits(math.inf, math.inf, math.inf)
"""Of a template that is built in: it comes to its end, and each line of it is news."""
SMALL = 1_000_000
"""The greatest number that may be multiplied."""

ELLIPSIS = "…"


class BrokenTemplateError(Exception):
    """A template that could not be used, and why, in a few words."""


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """What is wrong with a template, and at which character (from 0)."""

    offset: int
    text: str


class Pattern:
    """A template that passed the check. ``unknown`` are the variables in it that no story has, and where."""

    def __init__(self, template: Template, markup: Markup, unknown: Sequence[tuple[int, str]]) -> None:
        self._template, self._markup, self.unknown = template, markup, unknown

    def fill(self, values: Mapping[str, object], speech: Speech, limits: Limits = LIMITS) -> str:
        """The text; raises ``BrokenTemplateError`` for whatever a template may do wrong, or if it takes too long."""
        if self.unknown:
            raise BrokenTemplateError(f"unknown variable {self.unknown[0][1]}")
        try:
            turns = _Turns(limits.turns, time.monotonic() + limits.seconds)
            return self._cut({**values, "_speech": speech, "_turns": turns}, limits.bytes)
        except Exception as error:  # a template is anybody's code, and must not keep a message from being sent
            raise BrokenTemplateError(type(error).__name__) from error

    def _cut(self, values: Mapping[str, object], most: float) -> str:
        parts, size = [], 0
        for part in self._template.generate(values):
            parts.append(part)
            size += len(part.encode())
            if size > most:
                text = "".join(parts).encode()[: int(most) - len(ELLIPSIS.encode())].decode(errors="ignore")
                return (re.sub(r"<[^<>]*$|&[#\w]*$", "", text) if self._markup is Markup.HTML else text) + ELLIPSIS
        return "".join(parts).rstrip()


def compiled(source: str, markup: Markup, known: frozenset[str]) -> Pattern | TemplateFault:
    """A template for texts in ``markup`` that may name the variables ``known``, or the first thing wrong with it."""
    if len(source) > MAX_SOURCE:
        return TemplateFault(0, f"a template has {MAX_SOURCE:,} characters at most")
    environment = _environment(markup)
    try:
        tree = environment.parse(source)
        checker = _Checker(source, known)
        checker.check(tree, 0)
        if checker.fault:
            return checker.fault
        code = environment.compile(tree)
    except TemplateError as error:
        return _fault(source, error)
    except RecursionError:
        return TemplateFault(0, "it is nested too deeply")
    except (SyntaxError, ValueError) as error:  # what Jinja takes, and Python, to which it is translated, does not
        return TemplateFault(0, error.msg if isinstance(error, SyntaxError) else "a number in it is too long")
    template = environment.template_class.from_code(environment, code, environment.make_globals(None))
    return Pattern(template, markup, checker.unknown)


@cache
def layout(markup: Markup) -> Pattern:
    """The built-in template for the body of a message."""
    source = resources.files("daemon").joinpath("layouts", f"{markup}.j2").read_text(encoding="utf-8")
    found = compiled(source, markup, frozenset({"rows", "colon"}))
    assert isinstance(found, Pattern), found  # noqa: S101 - it is ours, and tested
    return found


# --- the check --------------------------------------------------------------------------------------------------------

_PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict),
    *(nodes.Pair, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub),
    *(nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Concat, nodes.For, nodes.Keyword),
)
_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Call: "nothing can be called here: use a filter, as in {{ measured|time }}",
    nodes.Assign: "`set` is not for templates of messages",
    nodes.AssignBlock: "`set` is not for templates of messages",
    nodes.Macro: "macros are not for templates of messages",
    nodes.CallBlock: "`call` is not for templates of messages",
    nodes.FilterBlock: "`filter` is not for templates of messages: write {{ text|filter }}",
    nodes.Import: "a template cannot import another",
    nodes.FromImport: "a template cannot import another",
    nodes.Include: "a template cannot include another",
    nodes.Extends: "a template cannot extend another",
    nodes.Block: "`block` is not for templates of messages",
    nodes.With: "`with` is not for templates of messages",
}


class _Checker:
    """One walk over a tree: what is refused, and the names that nothing has."""

    def __init__(self, source: str, known: frozenset[str]) -> None:
        self._source, self._known = source, known
        self._own: set[str] = {"loop"}
        self.fault: TemplateFault | None = None
        self.unknown: list[tuple[int, str]] = []

    def check(self, node: nodes.Node, depth: int) -> None:
        if not isinstance(node, _PLAIN):
            self._refuse(node, _REFUSED.get(type(node), "this is not for templates of messages"))
        elif isinstance(node, nodes.Name):
            self._name(node)
        elif isinstance(node, nodes.For):
            depth = self._loop(node, depth)
        for child in node.iter_child_nodes():
            self.check(child, depth)

    def _name(self, node: nodes.Name) -> None:
        if node.ctx == "store":
            self._own.add(node.name)
        elif node.name not in self._known | self._own:
            self.unknown.append((_place(self._source, node.lineno, node.name), node.name))

    def _loop(self, node: nodes.For, depth: int) -> int:
        if depth == MAX_NESTED:
            self._refuse(node, f"loops are nested {MAX_NESTED} deep at most")
        if node.recursive:
            self._refuse(node, "a loop cannot be recursive")
        self._own |= {name.name for name in node.target.find_all(nodes.Name)} | _named(node.target)
        node.iter = nodes.Filter(node.iter, "_listed", [], [], None, None, lineno=node.lineno)
        return depth + 1

    def _refuse(self, node: nodes.Node, text: str) -> None:
        self.fault = self.fault or TemplateFault(_place(self._source, node.lineno), text)


def _named(target: nodes.Node) -> set[str]:
    return {target.name} if isinstance(target, nodes.Name) else set()


def _fault(source: str, error: TemplateError) -> TemplateFault:
    text = (error.message or "it is no template").rstrip(".")
    named = re.fullmatch(r"No (filter|test) named '(\w+)'", text)
    if named:
        text += did_you_mean(named[2], frozenset(_FILTERS if named[1] == "filter" else _TESTS))
    line = getattr(error, "lineno", 1) or 1
    return TemplateFault(_place(source, line, named[2] if named else ""), text[0].lower() + text[1:])


def _place(source: str, line: int, name: str = "") -> int:
    """Where on a line of a template something is: the name, else the first tag on it."""
    start = sum(map(len, source.splitlines(keepends=True)[: line - 1]))
    rest = source[start:].partition("\n")[0]
    found = re.search(rf"\b{re.escape(name)}\b" if name else r"\{[{%#]", rest)
    return start + (found.start() if found else 0)


# --- what runs --------------------------------------------------------------------------------------------------------


class _Absent(ChainableUndefined):
    """What is not there: it prints nothing, and whatever is made of it is not there either."""

    def _same(self, *_: object) -> _Absent:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same  # type: ignore[assignment]
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = _same  # type: ignore[assignment]

    def _never(self, *_: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]


class _Turns:
    """How many turns the loops of a text may still take, and until when (on the monotonic clock)."""

    def __init__(self, left: float, until_s: float) -> None:
        self.left, self.until_s = left, until_s

    def take(self, number: int) -> None:
        """Raises OverflowError if that is too many."""
        self.left -= number
        if self.left < 0:
            raise OverflowError("loops")

    def through(self, values: Sequence[object]) -> Iterator[object]:
        """One turn after the other; raises TimeoutError in between."""
        for value in values:
            if time.monotonic() > self.until_s:
                raise TimeoutError
            yield value


class _Listed(list[object]):
    """What a loop goes over. Its length is known, so that a template can speak of the last turn."""

    def __init__(self, values: Sequence[object], turns: _Turns) -> None:
        super().__init__(values)
        self._turns = turns

    def __iter__(self) -> Iterator[object]:
        return self._turns.through(list(super().__iter__()))


class _Sandbox(sandbox.SandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - jinja2's own
        """Only numbers, and only small ones: what grows is text, or takes for ever."""
        if isinstance(left, _Absent) or isinstance(right, _Absent):
            return left if isinstance(left, _Absent) else right
        if not all(isinstance(each, int | float) and abs(each) <= SMALL for each in (left, right)):
            raise OverflowError(operator)
        if operator == "**" and abs(right) > 10:
            raise OverflowError(operator)
        return super().call_binop(context, operator, left, right)


@cache
def _environment(markup: Markup) -> _Sandbox:
    environment = _Sandbox(
        undefined=_Absent,
        optimized=False,  # folding constants takes the cube of how deeply filters are nested
        autoescape=False,  # `_shown` escapes, for HTML and Markdown alike
        finalize=lambda value: _shown(value, markup),
        trim_blocks=True,
        lstrip_blocks=False,
        keep_trailing_newline=False,
    )
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update(_FILTERS)
    environment.filters["link"] = lambda url: Safe(linked(str(url), markup))  # noqa: S704 - escaped by `linked`
    environment.tests.clear()
    environment.tests.update(_TESTS)
    return environment


def _shown(value: object, markup: Markup) -> str:
    if value is None or isinstance(value, _Absent):
        return ""
    return str(value) if isinstance(value, Safe) else escaped(str(value), markup)


@pass_context
def _listed(context: Context, values: object) -> Sequence[object]:
    """What a loop goes over: a list or nothing."""
    if not isinstance(values, list | tuple):
        return ()
    turns: _Turns = context["_turns"]
    turns.take(len(values))
    return _Listed(values, turns)


def _spoken(say: Callable[..., str]) -> Callable[..., object]:
    """A filter that says a value in the language of the message; nothing of nothing."""

    @pass_context
    @wraps(say)
    def spoken(context: Context, value: object, *more: object) -> object:
        return "" if value is None or isinstance(value, _Absent) else say(context["_speech"], value, *more)

    return spoken


def _amount(speech: Speech, value: Amount) -> str:
    return speech.amount(value)


def _number(speech: Speech, value: float, unit: str = "count") -> str:
    return speech.number(value, Unit(unit))


def _time(speech: Speech, value: datetime) -> str:
    return speech.time(value)


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_BYTES else text[:MAX_BYTES]


def _join(values: object, between: str = "") -> str:
    if not isinstance(values, list | tuple):
        return "" if isinstance(values, _Absent) else str(values)
    return _bounded(str(between)[:100].join(str(each)[:MAX_BYTES] for each in values[:1_000]))


def _replace(text: object, old: str, new: str) -> str:
    return _bounded(str(text)[:10_000].replace(str(old), str(new)[:100]) if old else str(text))


def _round(value: object, digits: int = 0) -> object:
    return round(value, max(-10, min(10, digits))) if isinstance(value, int | float) else value


_FILTERS: Mapping[str, Callable[..., Any]] = {
    **{name: FILTERS[name] for name in ("default", "first", "last", "length", "lower", "trim", "truncate", "upper")},
    "_listed": _listed,
    "amount": _spoken(_amount),
    "deadline": _spoken(Speech.deadline),
    "duration": _spoken(Speech.duration),
    "join": _join,
    "name": _spoken(Speech.name),
    "number": _spoken(_number),
    "phrase": _spoken(Speech.phrase),
    "replace": _replace,
    "round": _round,
    "time": _spoken(_time),
}
_TESTS = {name: TESTS[name] for name in ("defined", "undefined", "none", "number", "string", "odd", "even", "in", "eq")}
