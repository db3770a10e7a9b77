"""What is done with the tree of an expression besides compiling it: names are resolved, and it is written again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rules.grammar import (
    MAX_TOKENS,
    Binary,
    Call,
    ExpressionError,
    Named,
    Number,
    Series,
    Text,
    Tree,
    Unary,
)

Names = Mapping[str, Tree]
"""What the names of ``define:`` stand for."""

NO_NAMES: Names = {}


def expanded(tree: Tree, names: Names) -> Tree:
    """``tree`` with Named wherever one of ``names`` stands; all of a definition is taken to stand at its name.

    Raises ExpressionError at the name that makes it longer than any expression may be: a name that needs itself does.
    """
    return _Expansion(names).of(tree, None)


class _Expansion:
    """Counts the parts while it resolves names."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._parts = 0

    def of(self, tree: Tree, within: int | None) -> Tree:
        """``tree``, which stands in the definition of a name at ``within``, or (None) in the text itself."""
        at = tree.at if within is None else within
        self._parts += 1
        if self._parts > MAX_TOKENS:
            raise ExpressionError(at, f"with its definitions the expression has more than {MAX_TOKENS} parts")
        match tree:
            case Series(_, name, ()) if name in self._names:
                return Named(at, name, self.of(self._names[name], at))
            case Series() if within is not None:
                return replace(tree, at=at, selectors=tuple(replace(each, at=at) for each in tree.selectors))
            case Call():
                return replace(tree, at=at, arguments=tuple(self.of(each, within) for each in tree.arguments))
            case Unary():
                return replace(tree, at=at, operand=self.of(tree.operand, within))
            case Binary():
                return replace(tree, at=at, left=self.of(tree.left, within), right=self.of(tree.right, within))
        return replace(tree, at=at)


def behind(tree: Tree) -> Tree:
    """What a name stands for; anything else itself."""
    while isinstance(tree, Named):
        tree = tree.tree
    return tree


def inside(tree: Tree) -> tuple[Tree, ...]:
    """The parts of which a tree is made, in the order of the text."""
    match tree:
        case Call():
            return tree.arguments
        case Unary():
            return (tree.operand,)
        case Binary():
            return (tree.left, tree.right)
    return ()


def named(tree: Tree) -> Iterator[Named]:
    """The names in a tree, in the order of the text; not those that their definitions use."""
    if isinstance(tree, Named):
        yield tree
    for part in inside(tree):
        yield from named(part)


# --- a tree as text -----------------------------------------------------------------------------------------------

_NOT, _COMPARISON, _MINUS, _ATOM = 3, 4, 7, 8
_TIGHT = {"or": 1, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6}
"""How tightly an operator binds; one that is missing compares."""


def written(tree: Tree) -> str:
    """The text of a tree, with no more brackets than it needs; a name is followed by what it stands for."""
    match tree:
        case Number():
            return tree.text
        case Text():
            return _quoted(tree.value)
        case Named():
            return f"{tree.name} ({written(tree.tree)})"
        case Series():
            chosen = ", ".join(f"{s.label}{'=' if s.equal else '!='}{_quoted(s.value)}" for s in tree.selectors)
            return f"{tree.metric}{{{chosen}}}" if chosen else tree.metric
        case Call():
            return f"{tree.function}({', '.join(map(written, tree.arguments))})"
        case _:
            return _operation(tree)


def _operation(tree: Unary | Binary) -> str:
    own = _tightness(tree)
    if isinstance(tree, Unary):
        return f"{tree.operator}{' ' if own == _NOT else ''}{_at_least(own, tree.operand)}"
    left = _at_least(own + (own == _COMPARISON), tree.left)  # comparisons do not chain
    return f"{left} {tree.operator} {_at_least(own + 1, tree.right)}"


def _at_least(tightness: int, tree: Tree) -> str:
    return written(tree) if _tightness(tree) >= tightness else f"({written(tree)})"


def _tightness(tree: Tree) -> int:
    match tree:
        case Binary():
            return _TIGHT.get(tree.operator, _COMPARISON)
        case Unary():
            return _NOT if tree.operator == "not" else _MINUS
    return _ATOM


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
