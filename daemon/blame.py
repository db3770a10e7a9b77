"""What is wrong with a file, collected in one pass instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from daemon.complaints import understand
from daemon.marked import Mark, Problem, Tree, Where
from rules.spelling import did_you_mean

_Shape = TypeVar("_Shape", bound=BaseModel)


class Blame:
    """Collects what is wrong with a tree, each with its place. ``problems`` begins with those of the tree itself."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.problems = set(tree.problems)

    def add(self, where: Where, text: str, offset: int | None = None, at_key: bool = False) -> None:
        """Say what is wrong with a value: at a character of it, or at its key. What cannot be printed is U+FFFD."""
        mark = self._tree.key_mark(where) if at_key else self._tree.mark(where, offset)
        printable = "".join(character if character.isprintable() else "\ufffd" for character in text)
        self.problems.add(Problem(mark.line, mark.column, printable))

    def unknown(self, where: Where, what: str, name: str, known: Collection[str]) -> None:
        """Say that there is no such thing, and what was probably meant."""
        shown = sorted(known)[:10]
        known_are = f"; known are {', '.join(shown)}{' ...' if len(known) > len(shown) else ''}" if known else ""
        self.add(where, f"unknown {what} `{name}`{did_you_mean(name, known) or known_are}")

    def mark(self, where: Where) -> Mark:
        """Where a value stands."""
        return self._tree.mark(where)

    def key_mark(self, where: Where) -> Mark:
        """Where the key of a value stands."""
        return self._tree.key_mark(where)

    def model(self, shape: type[_Shape], where: Where, value: object) -> _Shape | None:
        """A value as a model, as far as it is one."""
        understood, faults = understand(shape, value, where)
        for fault in faults:
            self.add(fault.where, fault.text, at_key=fault.at_key)
        return understood

    def items(self, shape: type[_Shape], where: Where, values: Iterable[Any]) -> Iterator[tuple[Where, _Shape]]:
        """The values of a list that are models, each with its place."""
        for position, value in enumerate(values):
            model = self.model(shape, (*where, position), value)
            if model is not None:
                yield (*where, position), model
