"""``define:`` and ``overrides:``: names for parts of expressions, and numbers that differ by tag and account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rules import functions
from rules.expression import compile_definition
from rules.grammar import ExpressionError, Number, Series, Tree, Unary, parse
from rules.selectors import id_of
from rules.spelling import did_you_mean
from rules.trees import Names, inside
from rules.values import Metric, Target

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_WORDS = frozenset({"and", "or", "not"})

Written = Mapping[str, str | float]
"""Names and what they stand for, as the file has them."""

Effective = tuple[tuple[str, Tree], ...]
"""The numbers that are other than defined, sorted by name: what tells one variant of the rules from another."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """What names stand for, and the numbers that take their place for targets with a tag and of an account (its id)."""

    trees: Names = field(default_factory=dict)
    tags: Mapping[str, Names] = field(default_factory=dict)
    accounts: Mapping[str, Names] = field(default_factory=dict)

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
) -> Definitions | list[Misdefined]:
    """The definitions of a file, or everything that is wrong with them."""
    trees: dict[str, Tree] = {}
    faults = list(_parse(written, metrics, trees))
    for name in [name for name in written if name in trees] if not faults else ():
        compiled = compile_definition(str(written[name]), metrics, {k: v for k, v in trees.items() if k != name})
        if isinstance(compiled, list):
            faults += [Misdefined(("define", name), problem.offset, problem.text) for problem in compiled]
    overrides: dict[str, dict[str, dict[str, Tree]]] = {"tags": {}, "accounts": {}}
    for kind, sets in (("tags", tags), ("accounts", accounts)):
        for who, numbers in sets.items():
            own = overrides[kind][who] = {}
            for name, text in numbers.items():
                tree = _instead(name, text, trees)
                if isinstance(tree, str):
                    faults.append(Misdefined(("overrides", kind, who, name), None, tree))
                else:
                    own[name] = tree
    return faults or Definitions(trees, overrides["tags"], overrides["accounts"])


def _parse(written: Written, metrics: Mapping[str, Metric], trees: dict[str, Tree]) -> Iterator[Misdefined]:
    """Fill ``trees``; what is wrong with names, and with texts that are no expressions."""
    for name, text in written.items():
        wrong = _wrong_name(name, metrics)
        if wrong:
            yield Misdefined(("define", name), None, wrong)
            continue
        try:
            trees[name] = parse(str(text))
        except ExpressionError as error:
            yield Misdefined(("define", name), error.offset, error.text)
    for name in _circular(trees):
        yield Misdefined(("define", name), None, f"`{name}` needs itself")


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


def _instead(name: str, text: str | float, trees: Names) -> Tree | str:
    """The number that somebody has instead, or what is wrong with it."""
    if name not in trees:
        return f"`define` has no `{name}`{did_you_mean(name, trees)}"
    kind = _kind(trees[name])
    if kind is None:
        return f"`{name}` is no number but an expression: it cannot be overridden"
    tree = _number(text)
    return tree if tree is not None and _kind(tree) == kind else f"expected {kind}, as `{name}` is defined"


def _number(text: str | float) -> Tree | None:
    try:
        return parse(str(text))
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
