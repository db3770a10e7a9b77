"""Letters to messages: what is told together, and what many letters come to.

A letter is news of one thing: a rule, a target, a label set. Several letters about a thing are one piece of news, from
what a channel was told before the first of them to where it stands with the last. Many things that belong together are
one message with a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from rules.posting import FALLBACK, FIRST_SIGHT, GROUP
from rules.routes import GRAVITY
from rules.story import Story
from rules.telling import news
from rules.values import News, Severity

FLOOD = 8
"""More messages than this that are late are one: nobody reads forty after an outage."""

LATE = timedelta(minutes=5)
"""News that is older was held up by something."""

BACKLOG = "backlog"
"""The kind of a message for what piled up while a channel, or the daemon, was away."""


class Fate(StrEnum):
    """What became of a thing between two messages, the most pressing first."""

    OPENED = "opened"
    CLIMBED = "climbed"
    FLAPPING = "flapping"
    DESCENDED = "descended"
    RETURNED = "returned"
    PASSED = "passed"
    ENDED = "ended"


_ON = frozenset({Fate.OPENED, Fate.CLIMBED, Fate.FLAPPING, Fate.DESCENDED, Fate.RETURNED})
_ORDER = {fate: position for position, fate in enumerate(Fate)}


@dataclass(frozen=True, slots=True)
class Piece:
    """A letter: its ``story``, what it is about (``thing``), and what it goes together with (``bundle``; "": nothing).

    A bundle is named by its kind, and after a space by what else tells it from others of the kind. It was to go at
    ``meant`` (None: when it was created).
    """

    id: int
    thing: str
    story: Story
    created: datetime
    bundle: str = ""
    meant: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a digest: the newest story, told from what was known before the first.

    ``since`` is when the first was written, ``gravest`` the highest severity that any of its letters had.
    """

    fate: Fate
    story: Story
    since: datetime
    gravest: Severity
    thing: str = ""

    @property
    def is_on(self) -> bool:
        """Whether it still is as the message says."""
        return self.fate in _ON


@dataclass(frozen=True, slots=True)
class Digest:
    """A message about many things, the most pressing first; ``kind`` and ``name`` say why they are told together.

    Of one that is told in ``parts`` it is the one of this number (from 1); ``fates`` are those of all its things.
    """

    kind: str
    name: str
    entries: tuple[Entry, ...]
    fates: tuple[Fate, ...] = ()
    part: int = 1
    parts: int = 1

    @property
    def severity(self) -> Severity:
        """The gravest of what still is; INFO if nothing is."""
        return max(
            (each.gravest for each in self.entries if each.is_on), key=GRAVITY.__getitem__, default=Severity.INFO
        )

    @property
    def is_first_sight(self) -> bool:
        """Whether it says what was on already when it was looked at first, and nothing has become of that since."""
        return self.kind == FIRST_SIGHT and set(self.fates) == {Fate.OPENED}


@dataclass(frozen=True, slots=True)
class Parcel:
    """The letters of one message, and what it says."""

    pieces: tuple[Piece, ...]
    content: Story | Digest


def parcels(pieces: Iterable[Piece], at: datetime) -> list[Parcel]:
    """The messages for these letters to one channel, oldest first; each letter is in one of them.

    All letters about a thing go as the newest does: one that may not wait takes along what was held.
    """
    bundles: dict[str, list[Piece]] = {}
    for own in _things(sorted(pieces, key=_by_id)):
        bundles.setdefault(own[-1].bundle, []).extend(own)
    alone = [_parcel(own, BACKLOG) for own in _things(bundles.pop("", []))]
    groups = [_parcel(own, name) for name, own in bundles.items() if name.startswith(GROUP)]
    others = [_parcel(own, name) for name, own in bundles.items() if not name.startswith(GROUP)]
    late = [*alone, *groups]
    pieces = sorted((piece for each in late for piece in each.pieces), key=_by_id)
    if len(late) > FLOOD and at - min(each.meant or each.created for each in pieces) > LATE:
        return [_parcel(pieces, BACKLOG), *others]
    return [*late, *others]


def _by_id(piece: Piece) -> int:
    return piece.id


def _things(pieces: Iterable[Piece]) -> Iterable[list[Piece]]:
    things: dict[str, list[Piece]] = {}
    for piece in pieces:
        things.setdefault(piece.thing, []).append(piece)
    return things.values()


def _parcel(pieces: Sequence[Piece], bundle: str) -> Parcel:
    """One message. A thing by itself of which something is left to say is told as if by one letter."""
    entries = [entry(own) for own in _things(pieces)]
    kind, _, name = bundle.partition(" ")
    if len(entries) == 1 and _is_told_by_itself(entries[0].fate, len(pieces), kind):
        return Parcel(tuple(pieces), entries[0].story)
    ordered = sorted(entries, key=lambda each: (_ORDER[each.fate], -GRAVITY[each.gravest], each.since))
    return Parcel(tuple(pieces), Digest(kind, name, tuple(ordered), tuple(each.fate for each in ordered)))


def _is_told_by_itself(fate: Fate, letters: int, kind: str) -> bool:
    """Whether what became of one thing is told as its last letter tells it; an end, to whoever stands in, always is."""
    if letters == 1:
        return fate is not Fate.PASSED or kind == FALLBACK
    return fate not in (Fate.PASSED, Fate.RETURNED)


def split(parcel: Parcel, parts: int) -> list[Parcel]:
    """The same in so many messages, or in as many as it has things; what is one news is told by one."""
    content = parcel.content
    if isinstance(content, Story) or min(parts, len(content.entries)) <= 1:
        return [parcel]
    size = -(-len(content.entries) // parts)
    shares = [content.entries[start : start + size] for start in range(0, len(content.entries), size)]
    return [_part(parcel, content, share, number, len(shares)) for number, share in enumerate(shares, 1)]


def _part(parcel: Parcel, whole: Digest, entries: tuple[Entry, ...], number: int, parts: int) -> Parcel:
    things = {each.thing for each in entries}
    pieces = tuple(piece for piece in parcel.pieces if piece.thing in things)
    return Parcel(pieces, replace(whole, entries=entries, part=number, parts=parts))


def entry(pieces: Sequence[Piece]) -> Entry:
    """What letters about one thing come to, oldest first."""
    first, last = pieces[0].story, pieces[-1].story
    what = news(first.told, last.stand)
    story = last if len(pieces) == 1 else replace(last, told=first.told, news=what or last.news)
    gravest = max((each.story.severity for each in pieces), key=GRAVITY.__getitem__)
    is_still = all(each.story.news is News.REMINDED for each in pieces)
    fate = Fate.OPENED if is_still else _fate(first.told, last.stand)
    return Entry(fate, story, pieces[0].created, gravest, pieces[0].thing)


def _fate(before: int, after: int) -> Fate:
    if after < 0:
        return Fate.FLAPPING
    if before <= 0:
        return Fate.OPENED if after else Fate.ENDED if before else Fate.PASSED
    if after == before:
        return Fate.RETURNED
    return Fate.CLIMBED if after > before else Fate.DESCENDED if after else Fate.ENDED
