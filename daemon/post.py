"""The outbox in memory: which messages come of letters, and when, where each channel takes at once what is due.

What must survive is in ``storage.outbox`` and ``storage.bundles``, by the same rules: those of a bundle wait for more,
a letter that goes takes along the earlier ones about the same thing, and ``rules.digest`` makes messages of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from rules.digest import Parcel, Piece, parcels
from rules.outcomes import Outcome
from rules.story import Story
from rules.values import Labels
from storage.bundles import AT_MOST

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Letter:
    """News of an alert for a channel, written at ``at`` and due at ``due``; ``bundle`` and ``wait`` as in ``Owed``."""

    channel: str
    rule: str
    target: str
    labels: Labels
    story: Story
    at: datetime
    due: datetime
    bundle: str = ""
    wait: timedelta = timedelta(0)

    @property
    def thing(self) -> str:
        """What it is about."""
        return f"{self.rule} {self.target} {self.labels}"

    @property
    def owner(self) -> str:
        """Who looks after that."""
        return self.story.who.owner


def written(outcomes: Iterable[Outcome], at: datetime) -> Iterator[Letter]:
    """The letters that follow of a look at ``at``."""
    for outcome in outcomes:
        alert = outcome.alert
        for owed in outcome.owed:
            about = owed.channel, alert.rule, alert.target, alert.labels
            yield Letter(*about, owed.story, at, owed.due or at, owed.bundle, owed.wait)


@dataclass(frozen=True, slots=True)
class Posted:
    """A message: when its channel takes it, the letters that it is made of, and what it says."""

    channel: str
    at: datetime
    letters: tuple[Letter, ...]
    parcel: Parcel


class Post:
    """Letters on their way. Time passes by ``hand_over``: to be called up to a moment before more is added there."""

    def __init__(self) -> None:
        self._boxes: dict[str, _Box] = {}

    def add(self, letters: Iterable[Letter], at: datetime) -> None:
        """Take in what is written at ``at``."""
        grown: dict[tuple[str, str], timedelta] = {}
        for letter in letters:
            self._boxes.setdefault(letter.channel, _Box(letter.channel)).put(letter)
            if letter.wait:
                grown[letter.channel, letter.bundle] = letter.wait
        for (channel, bundle), wait in grown.items():
            self._boxes[channel].gather(bundle, wait, at)

    def hand_over(self, until: datetime = NEVER) -> Iterator[Posted]:
        """The messages up to then, in the order of time."""
        while self._boxes and (at := min(box.due for box in self._boxes.values())) <= until and at < NEVER:
            for box in self._boxes.values():
                if box.due <= at:
                    yield from box.empty(at)


@dataclass(slots=True)
class _Box:
    """The letters that wait for one channel, oldest first; the first of them is due at ``due``."""

    channel: str
    waiting: list[Letter] = field(default_factory=list)
    due: datetime = NEVER

    def put(self, letter: Letter) -> None:
        self.waiting.append(letter)
        self.due = min(self.due, letter.due)

    def gather(self, bundle: str, wait: timedelta, at: datetime) -> None:
        """A bundle has grown: it waits anew."""
        first = min(letter.at for letter in self.waiting if letter.bundle == bundle)
        due = min(at + wait, first + AT_MOST * wait)
        self._keep([replace(each, due=due) if each.bundle == bundle else each for each in self.waiting])

    def empty(self, at: datetime) -> Iterator[Posted]:
        """What is due, with all that came before it about the same things."""
        going: set[str] = set()
        taken: list[Letter] = []
        left: list[Letter] = []
        for letter in reversed(self.waiting):
            if letter.due <= at:
                going.add(letter.thing)
            (taken if letter.thing in going else left).append(letter)
        self._keep(left[::-1])
        letters = taken[::-1]
        pieces = [Piece(n, each.thing, each.story, each.at, each.bundle, each.due) for n, each in enumerate(letters)]
        for parcel in parcels(pieces, at):
            yield Posted(self.channel, at, tuple(letters[piece.id] for piece in parcel.pieces), parcel)

    def _keep(self, waiting: list[Letter]) -> None:
        self.waiting = waiting
        self.due = min((letter.due for letter in waiting), default=NEVER)
