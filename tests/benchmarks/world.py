"""Daemons to measure: the example's rules, many targets, three hours a turn, no pace and no budget to wait for."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from daemon.app import App
from daemon.config import Access, Config, Override, load
from daemon.ended import Ended
from daemon.envelope import Opened, open_answer
from daemon.fetch import Fetched, Fetcher, Service
from daemon.marked import parse
from daemon.outside import Outside
from daemon.poll import LEASE, Call, Reply
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.answer import Reading
from daemon.providers.endpoint import Provider
from daemon.purse import settled
from daemon.secrets import Secret
from rules.outcomes import Outcome
from storage.records import Settled
from tests.benchmarks.bodies import CREATOR_INFO, FAKE_VIEWS, ROOT, Answers

START = datetime(2026, 1, 1, tzinfo=UTC)
TURN = timedelta(hours=3)
INTERVAL = TURN / 2
"""Every target is due at every turn: the next poll is at most one and a half intervals away."""

TURNS_OF_HISTORY = 14 * 24 // 3
UNPACED_PER_S = 1e6


def write_config(folder: Path, videos: int, accounts: int) -> Path:
    """The example's file with targets of ours in the place of its own, and no rule on what is not answered here."""
    document = parse((ROOT / "rules.example.yaml").read_text()).value  # safe_load takes the key `on` for a truth
    document["database"] = str(folder / "bench.db")
    document["accounts"] = [
        {"platform": "tiktok", "id": f"account-{each}", "uid": str(10**18 + each)} for each in range(accounts)
    ]
    document["videos"] = [
        {"platform": "tiktok", "id": str(7 * 10**18 + each), "name": f"Video {each}"} for each in range(videos)
    ]
    del document["budget"]
    document["rules"] = [rule for rule in document["rules"] if rule["name"] != "balance"]
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def read_config(path: Path) -> Config:
    """As the daemon reads it, but with an interval for these turns."""
    config = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    often = Override(INTERVAL, UNPACED_PER_S)
    return replace(config, overrides=dict.fromkeys((FAKE_VIEWS, CREATOR_INFO), often))


def build(config: Config, base_url: str = "http://127.0.0.1:1", lanes: int = 8) -> App:
    """A daemon that asks TikHub at ``base_url``, ``lanes`` calls at a time; it is still to be opened."""
    access = Access(base_url, "", UNPACED_PER_S, 10.0, lanes)
    fetcher = Fetcher({Provider.TIKHUB: Service(base_url, Secret("benchmark"))}, lanes)
    outside = Outside(fetcher, frozenset({Provider.TIKHUB}), lambda _: None, io.StringIO(), {})
    return App(replace(config, providers={Provider.TIKHUB: access}), outside, "bench")


@dataclass
class Inside:
    """An open daemon whose calls are answered from memory."""

    app: App
    answers: Answers

    def claim(self, endpoint: str, at: datetime, most: int) -> list[Call]:
        """Lease what is due, and write its calls into the ledger."""
        poller = self.app.watch._poller
        claims = self.app._store.claim(endpoint, at, at + LEASE, self.app._owner, most)
        return poller._written_down(list(poller._calls(ENDPOINTS[endpoint], claims, at)), at)

    def open(self, call: Call, body: bytes, subject: str) -> Opened:
        """Parse one body and free it of its envelope, as after a call."""
        name = "item_id" if call.endpoint.name == FAKE_VIEWS else "user_id"
        opened = open_answer(
            Provider.TIKHUB,
            200,
            body,
            content_type="application/json",
            retry_after=None,
            expected={name: subject, "content_category": "default"},
        )
        assert isinstance(opened, Opened), opened
        return opened

    def subject(self, call: Call) -> str:
        """The id that the provider knows the call's target by."""
        watched = self.app._watchlist[call.claims[0].target]
        return watched.video_id or watched.uid

    def read(self, call: Call, opened: Opened) -> Reading:
        """The numbers of one answer."""
        reading = call.endpoint.read([opened.data], call.asked[0])
        assert isinstance(reading, Reading), reading
        return reading

    def end(self, call: Call, reading: Reading, at: datetime) -> tuple[list[Ended], Settled]:
        """The finished poll, with its payload and its next turn; and what its call cost."""
        fetched = Fetched({call.claims[0].target: reading}, calls=1, seconds=0.0)
        bill = settled(call.ledger_id, call.endpoint, fetched)
        return self.app.watch._poller.take_in(Reply(call, at, fetched, bill)), bill

    def settle(self, ends: list[tuple[list[Ended], Settled]], at: datetime) -> Sequence[Outcome]:
        """Commit, take in, judge, commit."""
        ended = [each for own, _ in ends for each in own]
        return self.app._judge.settle(ended, [bill for _, bill in ends], self.app._owner, at)

    def turn(self, at: datetime, group: int) -> int:
        """Poll everything that is due, ``group`` polls a commit; how many those were."""
        return sum(
            self._group(calls, at) for name in (FAKE_VIEWS, CREATOR_INFO) for calls in self._due(name, at, group)
        )

    def _due(self, endpoint: str, at: datetime, group: int) -> Iterator[list[Call]]:
        while calls := self.claim(endpoint, at, group):
            yield calls

    def _group(self, calls: list[Call], at: datetime) -> int:
        self.settle([self._polled(call, at) for call in calls], at)
        return len(calls)

    def _polled(self, call: Call, at: datetime) -> tuple[list[Ended], Settled]:
        subject = self.subject(call)
        opened = self.open(call, self.answers.body(call.endpoint.name, subject), subject)
        return self.end(call, self.read(call, opened), at)


def times(first: int = 0) -> Iterator[datetime]:
    """The times of the turns, from the ``first`` on; turn 0 is soon after everything was planned."""
    turn = first
    while True:
        yield START + timedelta(minutes=1) + turn * TURN
        turn += 1
