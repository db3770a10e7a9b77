"""``define:`` and ``overrides:``: names for parts of expressions, and numbers that differ by tag and account."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rules import functions
from rules.expression import Problem, compile_definition
from rules.grammar import ExpressionError, Number, Series, Tree, Unary, parse
from rules.selectors import id_of
from rules.spelling import did_you_mean
from rules.trees import Names, inside
from rules.values import Metric, Target

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WORDS = frozenset({"and", "or", "not"})
_WORD = re.compile(r"\w*")

Written = Mapping[str, str | float]
"""Names and what they stand for, as the file has them."""

Effective = tuple[tuple[str, Tree], ...]
"""The numbers that are other than defined, sorted by name: what tells one variant of the rules from another."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """What names stand for, and the numbers that take their place for targets with a tag and of an account (its id).

    ``failed`` are names that stand for nothing because something is wrong with them, or with a name that they use.
    """

    trees: Names = field(default_factory=dict)
    tags: Mapping[str, Names] = field(default_factory=dict)
    accounts: Mapping[str, Names] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()

    def effective(self, target: Target) -> Effective:
        """The numbers that are other for this target. An account's own win over its tags', a later tag over others."""
        found: dict[str, Tree] = {}
        for tag, numbers in self.tags.items():
            if tag in target.tags:
                found |= numbers
        return _sorted(found | dict(self.accounts.get(id_of(target.account), {})))

    def names(self, effective: Effective = ()) -> Names:
        """What every name stands for where these numbers are other."""
        return {**self.trees, **dict(effective)}

    def variants(self) -> Iterator[Effective]:
        """Every set of numbers that a tag or an account has, once."""
        yield from dict.fromkeys(_sorted(numbers) for each in (self.tags, self.accounts) for numbers in each.values())

    def overrides(self) -> Iterator[tuple[tuple[str, ...], Effective]]:
        """Each number that a tag or an account has, by itself, with the path of its keys in the file."""
        for kind, sets in (("tags", self.tags), ("accounts", self.accounts)):
            for who, numbers in sets.items():
                for name, tree in numbers.items():
                    yield ("overrides", kind, who, name), ((name, tree),)


NOTHING_DEFINED = Definitions()


@dataclass(frozen=True, slots=True)
class Misdefined:
    """What is wrong with a definition or an override: the path of its keys, the offset in its text, and a sentence."""

    where: tuple[str, ...]
    offset: int | None
    text: str


def define(
    written: Written,
    tags: Mapping[str, Written],
    accounts: Mapping[str, Written],
    metrics: Mapping[str, Metric],
    lost: Collection[str] = (),
) -> tuple[Definitions, list[Misdefined]]:
    """The definitions of a file as far as they are right, and everything that is wrong with the others.

    Of the names ``lost`` it was told already that they are wrong.
    """
    defining = _Defining(written, metrics, lost)
    by_tag, by_account = defining.overrides("tags", tags), defining.overrides("accounts", accounts)
    return Definitions(defining.trees, by_tag, by_account, defining.failed), defining.faults


def is_about(names: Collection[str], text: str, offset: int) -> bool:
    """Whether one of ``names`` stands at this character of an expression."""
    word = _WORD.match(text, offset)
    return word is not None and word.group() in names


class _Defining:
    """One pass over definitions, collecting what is wrong; ``trees`` are those that are right."""

    def __init__(self, written: Written, metrics: Mapping[str, Metric], lost: Collection[str]) -> None:
        self._texts = {name: _text(value) for name, value in written.items()}
        self._metrics = metrics
        self.faults: list[Misdefined] = []
        parsed = self._parsed()
        problems = dict(self._problems(parsed))
        self.trees = {name: tree for name, tree in parsed.items() if name not in problems}
        self.failed = frozenset({*lost, *written} - self.trees.keys() - metrics.keys() - functions.NAMES)
        for name, each in problems.items():
            for problem in each:
                if not is_about(self.failed, self._texts[name], problem.offset):
                    self._blame(name, problem.text, problem.offset)

    def _blame(self, name: str, text: str, offset: int | None = None) -> None:
        self.faults.append(Misdefined(("define", name), offset, text))

    def _parsed(self) -> Names:
        """The definitions that are expressions, and do not need themselves."""
        trees: dict[str, Tree] = {}
        for name, text in self._texts.items():
            wrong = _wrong_name(name, self._metrics)
            if wrong:
                self._blame(name, wrong)
                continue
            try:
                trees[name] = parse(text)
            except ExpressionError as error:
                self._blame(name, error.text, error.offset)
        circular = list(_circular(trees))
        for name in circular:
            self._blame(name, f"`{name}` needs itself")
        return {name: tree for name, tree in trees.items() if name not in circular}

    def _problems(self, parsed: Names) -> Iterator[tuple[str, Sequence[Problem]]]:
        for name in parsed:
            others = {other: tree for other, tree in parsed.items() if other != name}
            compiled = compile_definition(self._texts[name], self._metrics, others)
            if isinstance(compiled, list):
                yield name, compiled

    def overrides(self, kind: str, sets: Mapping[str, Written]) -> Mapping[str, Names]:
        """The numbers of tags or of accounts, as far as they are right."""
        found: dict[str, dict[str, Tree]] = {}
        for who, numbers in sets.items():
            own = found[who] = {}
            for name, value in numbers.items():
                tree = _instead(name, value, self.trees)
                if not isinstance(tree, str):
                    own[name] = tree
                elif name not in self.failed:
                    self.faults.append(Misdefined(("overrides", kind, who, name), None, tree))
        return found


def _wrong_name(name: str, metrics: Mapping[str, Metric]) -> str | None:
    if not _NAME.fullmatch(name) or name in _WORDS:
        return "a name is of small letters, digits and _, a letter first"
    kind = "metric" if name in metrics else "function" if name in functions.NAMES else ""
    return f"`{name}` is a {kind} already" if kind else None


def _circular(trees: Names) -> Iterator[str]:
    """The names that need themselves, by whatever way."""
    needs = {name: set(_series(tree)) & trees.keys() for name, tree in trees.items()}
    for name in trees:
        reached: set[str] = set()
        left = set(needs[name])
        while left:
            reached |= left
            left = {further for each in left for further in needs[each]} - reached
        if name in reached:
            yield name


def _series(tree: Tree) -> Iterator[str]:
    if isinstance(tree, Series) and not tree.selectors:
        yield tree.metric
    for part in inside(tree):
        yield from _series(part)


def _instead(name: str, value: str | float, trees: Names) -> Tree | str:
    """The number that somebody has instead, or what is wrong with it."""
    if name not in trees:
        return f"`define` has no `{name}`{did_you_mean(name, trees)}"
    kind = _kind(trees[name])
    if kind is None:
        return f"`{name}` is no number but an expression: it cannot be overridden"
    tree = _number(_text(value))
    return tree if tree is not None and _kind(tree) == kind else f"expected {kind}, as `{name}` is defined"


def _text(value: str | float) -> str:
    """The text as it is; a number in digits, however small or large: 0.00001, where Python writes 1e-05."""
    return value if isinstance(value, str) else format(Decimal(str(value)), "f")


def _number(text: str) -> Tree | None:
    try:
        return parse(text)
    except ExpressionError:
        return None


def _kind(tree: Tree) -> str | None:
    """In words, of a plain number; None of anything else."""
    plain = tree.operand if isinstance(tree, Unary) and tree.operator == "-" else tree
    if not isinstance(plain, Number):
        return None
    return "a duration such as 24h" if plain.unit_s else "a number such as 60 or 5%"


def _sorted(numbers: Names) -> Effective:
    return tuple(sorted(numbers.items(), key=lambda item: item[0]))
