"""Which series the numbers of a sample row belong to: one stored row for each ordered set of series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from storage import codec
from storage.records import SeriesKey
from storage.tables import series

KEPT = 20_000
"""How many layouts are remembered; a target with records of its own has one of its own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The stored order of the series of one reading: ``keys`` are the reading's own, in that order."""

    series_id: int
    keys: tuple[SeriesKey, ...]


@dataclass(slots=True)
class Layouts:
    """The layouts met so far, so that a poll costs one look-up. ``forget`` them when a transaction was undone."""

    _by_keys: dict[tuple[str, tuple[SeriesKey, ...]], Layout] = field(default_factory=dict)
    _members: dict[int, tuple[SeriesKey, ...]] = field(default_factory=dict)

    def find(self, connection: Connection, endpoint: str, keys: Iterable[SeriesKey]) -> Layout:
        """The layout of these series, stored if it is new. Neither their order nor that of their labels matters."""
        wanted = (endpoint, tuple(keys))
        layout = self._by_keys.get(wanted)
        if layout is None:
            _make_room(self._by_keys)
            layout = self._by_keys[wanted] = _store(connection, endpoint, wanted[1])
        return layout

    def members(self, connection: Connection, series_id: int) -> tuple[SeriesKey, ...]:
        """The ordered series of a stored layout, the same object every time while it is remembered."""
        members = self._members.get(series_id)
        if members is None:
            _make_room(self._members)
            text = connection.execute(select(series.c.members).where(series.c.id == series_id)).scalar_one()
            members = self._members[series_id] = codec.members_from_json(text)
        return members

    def forget(self) -> None:
        """Forget what may not have been committed."""
        self._by_keys.clear()
        self._members.clear()


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= KEPT:
        kept.clear()


def _store(connection: Connection, endpoint: str, keys: tuple[SeriesKey, ...]) -> Layout:
    ordered = sorted(((metric, tuple(sorted(labels))), (metric, labels)) for metric, labels in keys)
    members = codec.members_to_json([member for member, _ in ordered])
    row = {"endpoint": endpoint, "members": members}
    connection.execute(insert(series).on_conflict_do_nothing(), row)
    found = select(series.c.id).where(series.c.endpoint == endpoint, series.c.members == members)
    return Layout(connection.execute(found).scalar_one(), tuple(key for _, key in ordered))
