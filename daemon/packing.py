"""Letters to messages that are ready to be sent: netted, bundled, cut to what the channel takes, put into words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from daemon.channels import Channel
from daemon.scribe import Scribe
from rules.digest import BACKLOG, LATE, Entry, Parcel, Piece, parcels, split
from rules.posting import FALLBACK, QUIET
from rules.story import Story
from rules.wording import Message
from rules.wording_digest import Delay
from storage.records import Letter, Trouble

MAX_ENTRIES = 500
"""Things that one message tells, however much its channel takes."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A message, its letters (oldest first), and the id by which a reader can tell a repeat."""

    message: Message
    letters: tuple[Letter, ...]

    @property
    def id_text(self) -> str:
        """The same for the same letters."""
        first, last = self.letters[0], self.letters[-1]
        return f"{first.alert_id}.{first.id}" + ("" if first is last else f"-{last.alert_id}.{last.id}")


@dataclass(frozen=True, slots=True)
class Packer:
    """Packs for a channel at a moment; ``trouble`` is how it failed last, since the letters were to go."""

    channel: Channel
    scribe: Scribe
    trouble: Trouble | None
    at: datetime

    def pack(self, letters: Sequence[Letter]) -> list[Packed]:
        """The messages, each letter in one of them; first those that were tried least, then those of the oldest."""
        known = {letter.id: letter for letter in letters}
        pieces = [Piece(each.id, each.thing, each.story, each.created, each.bundle) for each in letters]
        wholes = [(_letters(whole, known), whole) for whole in parcels(pieces, self.at)]
        wholes.sort(key=lambda each: (each[0][0].attempts, each[0][0].id))
        return [
            Packed(message, _letters(parcel, known))
            for _, whole in wholes
            for parcel, message in self._fitting(whole, known)
        ]

    def _fitting(self, whole: Parcel, known: dict[int, Letter]) -> Iterator[tuple[Parcel, Message]]:
        kind, name = _reason(whole)
        delay = self._delay(whole, kind, name, [known[piece.id] for piece in whole.pieces])
        if isinstance(whole.content, Story) or whole.content.is_first_sight:
            yield whole, self._write(whole, known, delay)
            return
        for part in self._parts(whole, partial(self._write, known=known, delay=delay)):
            yield part, self._write(part, known, delay)

    def _parts(self, whole: Parcel, write: Callable[[Parcel], Message]) -> list[Parcel]:
        """As few as the channel takes whole; a thing that is too long even by itself is the channel's to divide."""
        things = len(_entries(whole))
        number = -(-things // MAX_ENTRIES)
        while True:
            parts = split(whole, number)
            if len(parts) == things or all(self.channel.fits(write(each)) for each in parts):
                return parts
            number += max(1, number // 4)

    def _write(self, parcel: Parcel, known: dict[int, Letter], delay: Delay) -> Message:
        name, taken = self.channel.name, self.channel.markup
        if isinstance(parcel.content, Story):
            alert_id = known[parcel.pieces[-1].id].alert_id
            return self.scribe.write([parcel.content], name, taken, self.at, delay, alert_id)
        return self.scribe.digest(parcel.content, name, taken, self.at, delay)

    def _delay(self, whole: Parcel, kind: str, name: str, letters: Sequence[Letter]) -> Delay:
        meant = min(letter.meant for letter in letters)
        digest = None if isinstance(whole.content, Story) else whole.content
        is_backlog = digest is not None and digest.kind == BACKLOG and len(digest.entries) > 1
        late = max(self.at - meant, timedelta(0)) if is_backlog or self.at - meant >= LATE else None
        why = self.trouble if late and self.trouble and self.trouble.at >= meant else None
        is_held = kind == QUIET and digest is None
        return Delay(
            late=late,
            service=self.channel.service if why else "",
            reason=why.outcome if why else "",
            status=why.status if why else None,
            held=letters[-1].meant if is_held else None,
            name=name if is_held else "",
            instead_of=name if kind == FALLBACK else "",
        )


def _reason(parcel: Parcel) -> tuple[str, str]:
    """Why its letters go together, or when they go: the kind of their bundle, and its name."""
    if isinstance(parcel.content, Story):
        kind, _, name = parcel.pieces[-1].bundle.partition(" ")
        return kind, name
    return parcel.content.kind, parcel.content.name


def _entries(parcel: Parcel) -> Sequence[Entry]:
    return () if isinstance(parcel.content, Story) else parcel.content.entries


def _letters(parcel: Parcel, known: dict[int, Letter]) -> tuple[Letter, ...]:
    return tuple(known[number] for number in sorted(piece.id for piece in parcel.pieces))
