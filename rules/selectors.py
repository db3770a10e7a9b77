"""Conditions on what a thing is: which targets a rule is about, which alerts a route or a silence means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rules.compiler import COMPARISONS
from rules.grammar import Binary, ExpressionError, Series, Text, Tree, Unary, parse
from rules.notes import Problem
from rules.spelling import did_you_mean
from rules.trees import inside
from rules.values import Labels, Severity, Subject, Target

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Language(Generic[Thing]):
    """What may be asked of things, and what one has of it: of most one text, of tags any number.

    ``words`` has all texts of the attributes that have but a few; those that are ``ordered`` from the least on.
    ``key`` and ``example`` are for mistakes: where such a condition stands, and how one looks.
    """

    thing: str
    key: str
    example: str
    attributes: Mapping[str, Callable[[Thing], tuple[str, ...]]]
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ordered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Case:
    """An alert as routes and silences see it: a rule, a target, and how grave it is."""

    rule: str
    severity: Severity
    level: str
    labels: Labels
    target: Target


def id_of(key: str) -> str:
    """The part of a target's key that the configuration calls its id."""
    return key.rpartition("/")[2]


ATTRIBUTES: Mapping[str, Callable[[Target], tuple[str, ...]]] = {
    "tag": lambda target: target.tags,
    "owner": lambda target: (target.owner,),
    "platform": lambda target: (target.platform,),
    "account": lambda target: (id_of(target.account),),
    "name": lambda target: (target.name,),
}
"""What may be asked of a target."""

EXAMPLE = 'tag == "tier-a" and owner != "lin"'
TARGETS = Language("a target", "`only`", EXAMPLE, ATTRIBUTES)


def alerts(key: str, labels: Sequence[str]) -> Language[Case]:
    """What may be asked of alerts whose series may have these ``labels``."""
    own: dict[str, Callable[[Case], tuple[str, ...]]] = {
        **{name: _of_label(name) for name in labels},
        **{name: _of_target(ask) for name, ask in ATTRIBUTES.items()},
        "rule": lambda case: (case.rule,),
        "severity": lambda case: (case.severity.value,),
        "level": lambda case: (case.level,),
        "on": lambda case: (case.target.subject.value,),
        "id": lambda case: (id_of(case.target.key),),
    }
    example = 'severity >= "high" and tag == "tier-a"'
    words = {"severity": [each.value for each in Severity], "on": [each.value for each in Subject]}
    return Language("an alert", key, example, own, words, frozenset({"severity"}))


def _of_target(ask: Callable[[Target], tuple[str, ...]]) -> Callable[[Case], tuple[str, ...]]:
    return lambda case: ask(case.target)


def _of_label(name: str) -> Callable[[Case], tuple[str, ...]]:
    return lambda case: tuple(value for label, value in case.labels if label == name)


@dataclass(frozen=True, slots=True)
class Selector(Generic[Thing]):
    """A compiled condition. ``matches`` says whether a thing is meant.

    ``compared`` are the attributes that it asks for, each with the text that it is compared with.
    """

    text: str
    matches: Callable[[Thing], bool]
    compared: tuple[tuple[str, str], ...] = ()


def compile_selector(text: str, language: Language[Thing]) -> Selector[Thing] | list[Problem]:
    """The compiled text, or the first thing that is wrong with it."""
    try:
        tree = parse(text)
        return Selector(text, _Compiler(language).compile(tree), tuple(_compared_in(tree)))
    except ExpressionError as error:
        return [Problem(error.offset, error.text)]


class _Compiler(Generic[Thing]):
    def __init__(self, language: Language[Thing]) -> None:
        self._language = language

    def compile(self, tree: Tree) -> Callable[[Thing], bool]:
        match tree:
            case Binary(_, "and", left, right):
                one, other = self.compile(left), self.compile(right)
                return lambda thing: one(thing) and other(thing)
            case Binary(_, "or", left, right):
                one, other = self.compile(left), self.compile(right)
                return lambda thing: one(thing) or other(thing)
            case Unary(_, "not", operand):
                inner = self.compile(operand)
                return lambda thing: not inner(thing)
            case Binary(_, operator, Series(at, name, ()), Text(wanted_at, wanted)) if operator in COMPARISONS:
                return self._compared(self._attribute(at, name), name, operator, wanted, wanted_at)
        language = self._language
        text = f"{language.key} compares what {language.thing} has with a quoted text: {language.example}"
        raise ExpressionError(tree.at, text)

    def _attribute(self, at: int, name: str) -> Callable[[Thing], tuple[str, ...]]:
        known = self._language.attributes
        if name not in known:
            near = did_you_mean(name, known) or f"; known are {', '.join(known)}"
            raise ExpressionError(at, f"{self._language.thing} has no `{name}`{near}")
        return known[name]

    def _compared(
        self, ask: Callable[[Thing], tuple[str, ...]], name: str, operator: str, wanted: str, at: int
    ) -> Callable[[Thing], bool]:
        words = self._language.words.get(name)
        if words is not None and wanted not in words:
            near = did_you_mean(wanted, words) or f"; known are {', '.join(words)}"
            raise ExpressionError(at, f"no `{name}` is called {wanted!r}{near}")
        if operator in ("==", "!="):
            equal = operator == "=="
            return lambda thing: (wanted in ask(thing)) is equal
        if words is None or name not in self._language.ordered:
            raise ExpressionError(at, f"`{name}` has no order: compare it with == or !=")
        compare, place, places = COMPARISONS[operator], words.index(wanted), {each: i for i, each in enumerate(words)}
        return lambda thing: any(compare(places[each], place) for each in ask(thing))


def _compared_in(tree: Tree) -> Iterator[tuple[str, str]]:
    match tree:
        case Binary(_, _, Series(_, name, ()), Text(_, wanted)):
            yield name, wanted
    for part in inside(tree):
        yield from _compared_in(part)
