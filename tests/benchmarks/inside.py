"""What a poll costs after the network: CPU by step, against json.loads of the same body."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from hashlib import blake2b
from itertools import islice
from statistics import median
from typing import Any

import orjson
import zstandard

from daemon.poll import Call
from tests.benchmarks.bodies import CREATOR_INFO, FAKE_VIEWS, Answers
from tests.benchmarks.measure import Figure, cpu_s, medians
from tests.benchmarks.world import Inside

AIM = 2.0
TURNS_A_ROUND = 4
"""Enough polls a round for the write-ahead log to be taken over in each."""

BEFORE = ("claim",)
STEPS = ("open", "read", "end", "commit polls", "take in", "judge", "commit judgement", "other")


class Spans:
    """CPU seconds by step; a step inside a step counts for itself alone."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = defaultdict(float)
        self._inner_s = 0.0

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Count what happens inside for ``name``."""
        outer_s, self._inner_s = self._inner_s, 0.0
        started_s = time.thread_time()
        try:
            yield
        finally:
            took_s = time.thread_time() - started_s
            self.spent_s[name] += took_s - self._inner_s
            self._inner_s = outer_s + took_s

    def watch(self, owner: object, method: str, name: str) -> None:
        """Count every call of a method of one object for ``name``."""
        plain: Callable[..., Any] = getattr(owner, method)

        def timed(*arguments: object) -> object:
            with self.span(name):
                return plain(*arguments)

        setattr(owner, method, timed)


class Steps:
    """Rounds over the targets of one endpoint, with a span around each step."""

    def __init__(self, inside: Inside, endpoint: str, group: int) -> None:
        self._inside, self._endpoint, self._group = inside, endpoint, group

    def turn(self, spans: Spans, at: datetime) -> int:
        """Poll every target of the endpoint once (how many there are), and then the others, unmeasured."""
        polls = 0
        with watched(self._inside, spans):
            while calls := self._claim(spans, at):
                self._poll(spans, calls, at)
                polls += len(calls)
        self._inside.turn(at, self._group)
        return polls

    def _claim(self, spans: Spans, at: datetime) -> list[Call]:
        with spans.span("claim"):
            return self._inside.claim(self._endpoint, at, self._group)

    def _poll(self, spans: Spans, calls: list[Call], at: datetime) -> None:
        inside = self._inside
        subjects = [inside.subject(call) for call in calls]
        bodies = [inside.answers.body(self._endpoint, subject) for subject in subjects]
        with spans.span("parse"):
            for body in bodies:
                orjson.loads(body)
        with spans.span("open"):
            opened = [inside.open(*each) for each in zip(calls, bodies, subjects, strict=True)]
        with spans.span("read"):
            readings = [inside.read(*each) for each in zip(calls, opened, strict=True)]
        with spans.span("end"):
            ends = [inside.end(*each, at) for each in zip(calls, readings, strict=True)]
        with spans.span("other"):
            inside.settle(ends, at)


@contextmanager
def watched(inside: Inside, spans: Spans) -> Iterator[None]:
    """The steps of ``settle`` told apart; the objects are themselves again afterwards."""
    judge = inside.app._judge
    parts = [
        (inside.app._store, "commit_polls", "commit polls"),
        (judge, "_take_in", "take in"),
        (judge._states, "learn", "take in"),
        (judge._states, "take_in", "take in"),
        (judge.docket, "hear", "judge"),
        (judge, "_commit", "commit judgement"),
    ]
    for part in parts:
        spans.watch(*part)
    try:
        yield
    finally:
        for owner, method, _ in parts:
            delattr(owner, method)


def figures(inside: Inside, times: Iterator[datetime], rounds: int, group: int) -> list[Figure]:
    """The ratio and the steps of each endpoint, ``group`` polls a commit."""
    return [
        figure
        for endpoint in (FAKE_VIEWS, CREATOR_INFO)
        for figure in _of(inside, Steps(inside, endpoint, group), endpoint, times, rounds)
    ]


def turns(rounds: int) -> int:
    """How many turns ``figures`` takes: a round more of each endpoint goes before."""
    return 2 * TURNS_A_ROUND * (rounds + 1)


def _of(inside: Inside, steps: Steps, endpoint: str, times: Iterator[datetime], rounds: int) -> list[Figure]:
    body = Answers().body(endpoint, "7000000000000000001")
    seen: dict[str, list[float]] = defaultdict(list)

    def full() -> float:
        spans = Spans()
        polls = sum(steps.turn(spans, at) for at in islice(times, TURNS_A_ROUND))
        spans.spent_s["open"] -= spans.spent_s["parse"]
        for step in (*BEFORE, *STEPS):
            seen[step].append(spans.spent_s[step] / polls)
        return sum(spans.spent_s[step] for step in STEPS) / polls

    cases = {"loads": partial(_each_s, lambda: json.loads(body)), "after": full}
    found = medians(cases | _payload_cases(body), rounds)
    title = f"after the parse, {endpoint}"
    ratio = Figure(f"{title} / json.loads", found["after"] / found["loads"], "x", AIM)
    by_step = {step: median(values) for step, values in seen.items()}
    lines = {"json.loads": found["loads"], "all after the parse": found["after"], **by_step}
    lines |= {f"(alone: {name})": found[name] for name in ("dump", "digest", "compress")}
    return [ratio, *(Figure(f"  {endpoint[:17]}: {name}", each_s * 1e6, "us") for name, each_s in lines.items())]


def _payload_cases(body: bytes) -> dict[str, Callable[[], float]]:
    data = orjson.loads(body)["data"]
    payload = orjson.dumps(data)
    compressor = zstandard.ZstdCompressor(level=1)
    return {
        "dump": partial(_each_s, lambda: orjson.dumps(data)),
        "digest": partial(_each_s, lambda: blake2b(payload, digest_size=16).digest()),
        "compress": partial(_each_s, lambda: compressor.compress(payload)),
    }


def _each_s(work: Callable[[], object], times: int = 500) -> float:
    def repeat() -> None:
        for _ in range(times):
            work()  # not kept: a heap of results would be paid for here, and not in a daemon

    return cpu_s(repeat) / times
