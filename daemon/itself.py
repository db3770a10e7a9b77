"""What the daemon says of itself: does it tell what it knows, do its channels and rules work, is its file in force.

So what goes wrong inside is told like everything else, by rules on the daemon.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta

from daemon.kept import keep
from daemon.recent import Recent
from daemon.watchlist import DAEMON
from rules.values import NO_LABELS, Labels, Record
from storage.store import Store

REMEMBERED = timedelta(days=1)
"""So long a message that was given up counts."""


class Itself:
    """Writes the states of the daemon into the windows of ``recent``."""

    def __init__(self, store: Store, recent: Recent) -> None:
        self._store, self._recent = store, recent
        self._labelled: frozenset[tuple[str, Labels]] = frozenset()
        self._channels: frozenset[str] = frozenset()
        self._problems = ""

    def follow(self, channels: Collection[str]) -> None:
        """From now on these are the channels."""
        self._channels = frozenset(channels)

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make what is known of rules, channels and the file what it is now."""
        keep(undo, self, "_labelled", "_channels", "_problems")

    def config(self, problems: str) -> None:
        """Take in how the newest reading of the file ended: what is wrong with it, or "" if it is in force."""
        self._problems = problems

    def say(self, healthy: Mapping[str, bool], at: datetime) -> set[str]:
        """Write how it is doing; ``healthy`` are the rules in force, and whether they work.

        The targets that it is news of.
        """
        said = self._said(healthy, at)
        labelled = frozenset(series for series in said if series[1])
        gone, self._labelled = self._labelled - labelled, labelled
        for metric, labels in gone:
            self._recent.forget(DAEMON, metric, labels)
        news = [
            self._recent.state(DAEMON, metric, labels, at.timestamp(), value)
            for (metric, labels), value in said.items()
        ]
        return {DAEMON} if gone or any(news) else set()

    def records(self) -> Sequence[Record]:
        """Why the newest file is not in force."""
        return [Record("config", DAEMON, {"problems": self._problems})] if self._problems else []

    def _said(self, healthy: Mapping[str, bool], at: datetime) -> Mapping[tuple[str, Labels], float]:
        counts = self._store.counts()
        waits = max(at - (counts.outbox_oldest or at), timedelta(0))
        own = {
            "config_ok": not self._problems,
            "outbox_waiting": counts.outbox_waiting,
            "outbox_oldest_age_s": waits.total_seconds(),
            "outbox_dead": self._store.given_up(at - REMEMBERED),
            "database_bytes": counts.database_bytes,
        }
        said: dict[tuple[str, Labels], float] = {(metric, NO_LABELS): float(value) for metric, value in own.items()}
        for name, fine in healthy.items():
            said["rule_healthy", (("rule", name),)] = float(fine)
        for name, works in self._store.working().items():
            if name in self._channels:
                said["channel_ok", (("channel", name),)] = float(works)
        return said
