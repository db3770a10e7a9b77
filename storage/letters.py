"""The part of the public face that is about letters: who carries them, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from rules.story import Story
from storage import bundles, outbox, overview
from storage.bundles import Waiting
from storage.codec import to_ms
from storage.database import Lease, Transactions
from storage.records import Delivered, Delivery, Letter, Trouble
from storage.views import Views


class Letters(Views):
    """Every method is one transaction."""

    def __init__(self, transactions: Transactions) -> None:
        super().__init__(transactions.reading)
        self._writing = transactions.writing

    def give_up_letters(self, channels: Collection[str]) -> None:
        """Give up the letters to other channels than ``channels``; their news is owed again if those come back."""
        with self._reading() as connection:
            lost = outbox.is_for_others(connection, channels)
        if lost:
            with self._writing() as connection:
                outbox.give_up(connection, channels)

    def claim_letters(
        self,
        channel: str,
        at: datetime,
        lease_until: datetime,
        owner: str,
        limit: int,
        late: datetime | None = None,
        *,
        alone: bool = False,
    ) -> list[Letter]:
        """Lease the due letters about ``limit`` things to a channel, the most overdue first, and whole bundles besides.

        A thing is a rule, a target and labels. With a due letter go the earlier ones about the same thing; none goes
        while one of those is under way, or waits to be tried again. All things go if a letter is from before ``late``.
        Where they are to go ``alone``, there are no bundles.
        """
        lease = Lease(to_ms(at), to_ms(lease_until), owner, limit)
        with self._writing() as connection:
            return outbox.claim(connection, channel, lease, 0 if late is None else to_ms(late), alone=alone)

    def put_back(self, letters: Collection[int]) -> None:
        """Let letters (their ids) that were claimed, and not tried, wait as before."""
        with self._writing() as connection:
            outbox.put_back(connection, letters)

    def waiting(self, kinds: Collection[str]) -> Sequence[Waiting]:
        """The letters that wait in bundles of these kinds, and were not tried."""
        with self._reading() as connection:
            return bundles.waiting(connection, kinds)

    def hasten(self, dues: Mapping[int, datetime]) -> None:
        """Let letters (their ids) that were not tried be due at these times."""
        if dues:
            with self._writing() as connection:
                bundles.hasten(connection, dues)

    def trouble(self, channel: str, since: datetime) -> Trouble | None:
        """How the newest attempt of a channel that failed since then ended; None if none did."""
        with self._reading() as connection:
            return outbox.trouble(connection, channel, to_ms(since))

    def standing(self, channel: str) -> list[Story]:
        """What a channel was sent last of each thing that, as far as it was told, is on."""
        with self._reading() as connection:
            return outbox.standing(connection, channel)

    def record_deliveries(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Store attempts; those that decided something (their letter was waiting). A dead letter is owed again."""
        with self._writing() as connection:
            return outbox.record(connection, deliveries)

    def delivered(self, since: datetime, channel: str, failed_only: bool, limit: int) -> list[Delivered]:
        """The letters that were tried since then (``channel`` "": by all), the latest tried first."""
        with self._reading() as connection:
            return overview.delivered(connection, to_ms(since), channel, failed_only, limit)

    def working(self) -> Mapping[str, bool]:
        """Whether the newest attempt of each channel succeeded; those that never tried are not there."""
        with self._reading() as connection:
            return overview.working(connection)
