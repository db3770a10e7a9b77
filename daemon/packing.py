"""Letters to messages that are ready to be sent: netted, bundled, cut to what the channel takes, put into words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from daemon.channels import Channel
from daemon.scribe import Scribe
from rules.digest import BACKLOG, FLOOD, LATE, Digest, Entry, Parcel, Piece, parcels, split
from rules.posting import DIGEST, FALLBACK, QUIET
from rules.story import Story
from rules.wording import Markup, Message
from rules.wording_digest import MAX_SILENCES, Delay
from storage.records import Letter, Trouble

log = structlog.get_logger("creatorwatch.packing")

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
        """The messages, each letter in one of them; first those that were tried least.

        Of these, what is about one thing goes first, then what is older.
        """
        known = {letter.id: letter for letter in letters}
        pieces = [Piece(each.id, each.thing, each.story, each.created, each.bundle, each.meant) for each in letters]
        wholes = [(_letters(whole, known), whole) for whole in parcels(pieces, self.at)]
        wholes.sort(key=lambda each: (each[0][0].attempts, isinstance(each[1].content, Digest), each[0][0].id))
        return [
            Packed(message, _letters(parcel, known))
            for _, whole in wholes
            for parcel, message in self._fitting(whole, known)
        ]

    def _fitting(self, whole: Parcel, known: dict[int, Letter]) -> Iterator[tuple[Parcel, Message]]:
        kind, name = _reason(whole)
        delay = self._delay(whole, kind, name, [known[piece.id] for piece in whole.pieces])
        refused = max(letter.refused for letter in _letters(whole, known))
        if isinstance(whole.content, Story) or (whole.content.is_first_sight and not refused):
            yield whole, self._write(whole, known, delay)
            return
        for part in self._parts(whole, partial(self._write, known=known, delay=delay), min(2**refused, FLOOD)):
            full = self._write(part, known, delay, MAX_SILENCES)
            yield part, full if self.channel.fits(full) else self._write(part, known, delay)

    def _parts(self, whole: Parcel, write: Callable[[Parcel], Message], least: int) -> list[Parcel]:
        """As few as the channel takes whole; a thing that is too long even by itself is the channel's to divide.

        What was refused comes in twice as many, ``least``, each time: there may be one thing in it that is not wanted.
        It is cut by its things alone: silences are listed if there is room.
        """
        things = len(_entries(whole))
        number = max(-(-things // MAX_ENTRIES), least)
        while True:
            parts = split(whole, number)
            if len(parts) == things or all(self.channel.fits(write(each)) for each in parts):
                return parts
            number += max(1, number // 4)

    def _write(self, parcel: Parcel, known: dict[int, Letter], delay: Delay, silences: int = 0) -> Message:
        """Never raises: a mistake of ours in the words of one thing may not keep its channel from all others."""
        try:
            return self._word(parcel, known, delay, silences)
        except Exception:
            letters = [letter.id for letter in _letters(parcel, known)]
            log.exception("news could not be put into words", channel=self.channel.name, letters=letters)
            return _bare(parcel)

    def _word(self, parcel: Parcel, known: dict[int, Letter], delay: Delay, silences: int) -> Message:
        name, taken = self.channel.name, self.channel.markup
        if isinstance(parcel.content, Story):
            alert_id = known[parcel.pieces[-1].id].alert_id
            scheduled = _reason(parcel)[0] == DIGEST
            return self.scribe.write([parcel.content], name, taken, self.at, delay, alert_id, scheduled)
        return self.scribe.digest(parcel.content, name, taken, self.at, delay, silences)

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


def _bare(parcel: Parcel) -> Message:
    """The barest words for what cannot be told in better ones: which rule, whom, and what of it."""
    content = parcel.content
    stories = (content,) if isinstance(content, Story) else tuple(each.story for each in content.entries)
    lines = [f"{each.news} {each.severity}: {each.rule}: {each.who.name} {each.who.key}".rstrip() for each in stories]
    body = "\n".join([*lines, "A fault of creatorwatch kept it from saying more; its log has it."])
    return Message(lines[0], body, content.severity, stories[0].news, Markup.TEXT, stories)


def _entries(parcel: Parcel) -> Sequence[Entry]:
    return () if isinstance(parcel.content, Story) else parcel.content.entries


def _letters(parcel: Parcel, known: dict[int, Letter]) -> tuple[Letter, ...]:
    return tuple(known[number] for number in sorted(piece.id for piece in parcel.pieces))
