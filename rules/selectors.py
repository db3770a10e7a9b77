"""Which targets a rule is about: a condition on tag, owner, platform, account and name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rules.grammar import Binary, ExpressionError, Series, Text, Tree, Unary, parse
from rules.notes import Problem
from rules.spelling import did_you_mean
from rules.trees import inside
from rules.values import Target

Matches = Callable[[Target], bool]

EXAMPLE = 'tag == "tier-a" and owner != "lin"'

ATTRIBUTES: Mapping[str, Callable[[Target], tuple[str, ...]]] = {
    "tag": lambda target: target.tags,
    "owner": lambda target: (target.owner,),
    "platform": lambda target: (target.platform,),
    "account": lambda target: (id_of(target.account),),
    "name": lambda target: (target.name,),
}
"""What may be asked of a target, and what it has of that: of all but tags, one."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A compiled ``only:``. ``matches`` says whether a target is meant.

    ``compared`` are the attributes that it asks for, each with the text that it is compared with.
    """

    text: str
    matches: Matches
    compared: tuple[tuple[str, str], ...] = ()


def compile_selector(text: str) -> Selector | list[Problem]:
    """The compiled text, or the first thing that is wrong with it."""
    try:
        tree = parse(text)
        return Selector(text, _compiled(tree), tuple(_compared_in(tree)))
    except ExpressionError as error:
        return [Problem(error.offset, error.text)]


def id_of(key: str) -> str:
    """The part of a target's key that the configuration calls its id."""
    return key.rpartition("/")[2]


def _compiled(tree: Tree) -> Matches:
    match tree:
        case Binary(_, "and", left, right):
            one, other = _compiled(left), _compiled(right)
            return lambda target: one(target) and other(target)
        case Binary(_, "or", left, right):
            one, other = _compiled(left), _compiled(right)
            return lambda target: one(target) or other(target)
        case Unary(_, "not", operand):
            inner = _compiled(operand)
            return lambda target: not inner(target)
        case Binary(_, "==" | "!=" as operator, Series(at, name, ()), Text(_, wanted)):
            return _compared(_attribute(at, name), wanted, equal=operator == "==")
    raise ExpressionError(tree.at, f"`only` compares what a target has with a quoted text: {EXAMPLE}")


def _compared_in(tree: Tree) -> Iterator[tuple[str, str]]:
    match tree:
        case Binary(_, _, Series(_, name, ()), Text(_, wanted)):
            yield name, wanted
    for part in inside(tree):
        yield from _compared_in(part)


def _attribute(at: int, name: str) -> Callable[[Target], tuple[str, ...]]:
    if name not in ATTRIBUTES:
        known = did_you_mean(name, ATTRIBUTES) or f"; known are {', '.join(ATTRIBUTES)}"
        raise ExpressionError(at, f"a target has no `{name}`{known}")
    return ATTRIBUTES[name]


def _compared(attribute: Callable[[Target], tuple[str, ...]], wanted: str, *, equal: bool) -> Matches:
    return lambda target: (wanted in attribute(target)) is equal
