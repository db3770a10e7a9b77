"""``python -m tests.benchmarks.soak [ALERTS] [KILLS]``: a deliverer that is killed again and again, and what arrived.

Five channels fail at random. Readers know nothing but the texts that arrived: what they were told, in which order, and
what was told twice is found out from those alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

from daemon.clock import SystemClock
from storage.store import Store
from tests.benchmarks.bodies import ROOT
from tests.benchmarks.soak_process import MOST_S, Orders, batches
from tests.services.hook import Hook
from tests.services.loopback import running
from tests.services.web import Answer, Asked, HangsUp, Silent

NAMES = ("mail", "chat", "boss", "duty", "desk")
FAULTS = (*[None] * 12, "busy", Answer(429), Answer(500), Answer(503), HangsUp(), Silent())
"""What a service may turn to: mostly it works."""

TURN_S = 0.3
"""How long it stays so, on average."""

_MARK = re.compile(r"a(\d{6})s(\d)l(\d)")
_PASSED = "Came and went"


class Told(NamedTuple):
    """A message as it arrived from the process of this ``generation``; ``steps`` are (alert, number, level)."""

    generation: int
    id_text: str
    steps: tuple[tuple[int, int, int], ...]
    passed: frozenset[int]


def read(generation: int, title: str, text: str) -> Told:
    """What a reader makes of a text: which alerts it speaks of, and of which it says that they came and went."""
    steps: dict[tuple[int, int, int], None] = {}
    passed: set[int] = set()
    fate = ""
    for line in (title, *text.splitlines()):
        found = [(int(alert), int(number), int(level)) for alert, number, level in _MARK.findall(line)]
        fate = fate if found else line
        steps |= dict.fromkeys(found)
        passed |= {alert for alert, _, _ in found if _PASSED in fate or _PASSED in line}
    return Told(generation, text.rpartition("id: ")[2].strip(), tuple(steps), frozenset(passed))


class Reader(Hook):
    """The service behind a channel: it keeps what arrives, and ``strike`` is called before it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []
        self.strike: Callable[[], None] | None = None

    def answer(self, asked: Asked) -> Answer:
        """As any webhook."""
        answer = super().answer(asked)
        if answer.status == 200:
            said = self.accepted.pop()
            self.told.append(read(int(asked.path.strip("/")), said.title, said.text))
            strike, self.strike = self.strike, None
            if strike is not None:
                strike()
        return answer


@dataclass
class Found:
    """What a run came to; the lists name what must not be."""

    kills: int = 0
    messages: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    told_twice: int = 0
    netted: int = 0
    letters: int = 0
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, nothing came out of order, and nothing more than allowed was told twice."""
        return not (self.lost or self.overtaken or self.repeated)


class Pace(NamedTuple):
    """``pause_s`` is the time between two commits, ``speed`` how many times faster than ours the clock of a process is.

    One that is killed lives for ``life_s`` at most, and two seconds more.
    """

    pause_s: float = 0.4
    speed: float = 240.0
    life_s: float = 4.0


CALM = Pace()


def run(folder: Path, alerts: int, kills: int, seed: int, pace: Pace = CALM) -> Found:
    """Deliver so many alerts by processes of which so many are killed. Takes minutes; half an hour at most."""
    started_s, path = time.monotonic(), folder / "soak.db"
    Store.open(path).close()
    with ExitStack() as stack:
        readers = {name: stack.enter_context(running(Reader())) for name in NAMES}
        ports = {name: reader.server_port for name, reader in readers.items()}
        began = SystemClock().now().isoformat()
        first = Orders(str(path), ports, alerts, seed, 0, began, pace.speed, pace.pause_s)
        _live_and_die([replace(first, generation=each) for each in range(kills + 1)], readers, seed, pace.life_s)
    found = judged({name: reader.told for name, reader in readers.items()}, lives(alerts, seed))
    found.kills, found.seconds = kills, time.monotonic() - started_s
    _add_stored(found, path, len(NAMES) * sum(map(len, batches(alerts, seed))))
    return found


def _live_and_die(orders: Sequence[Orders], readers: Mapping[str, Reader], seed: int, life_s: float) -> None:
    chance = Random(seed)
    with _failing(readers, chance.randrange(10**6)):
        for each in orders[:-1]:
            with _process(each) as process:
                time.sleep(chance.uniform(0.0, life_s))
                if each.generation % 2:
                    _strike_at_a_message(process, readers.values())
                process.kill()
    with _process(orders[-1]) as process:
        if process.wait(MOST_S):
            raise RuntimeError("the last process failed")


def _strike_at_a_message(process: subprocess.Popen[str], readers: Collection[Reader]) -> None:
    """Kill it when a service has taken its next message, and has not said so."""
    for each in readers:
        each.strike = process.kill
    with suppress(subprocess.TimeoutExpired):
        process.wait(2.0)
    for each in readers:
        each.strike = None


@contextmanager
def _process(orders: Orders) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.benchmarks.soak_process", orders.text()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "open\n":
                raise RuntimeError("a process did not begin")
            yield process
        finally:
            process.kill()


@contextmanager
def _failing(readers: Mapping[str, Reader], seed: int) -> Iterator[None]:
    """Let services fail at random meanwhile; afterwards they work."""
    over, chance = threading.Event(), Random(seed)

    def fail() -> None:
        while not over.wait(chance.uniform(0, 2 * TURN_S)):
            reader, fault = chance.choice(list(readers.values())), chance.choice(FAULTS)
            reader.fault = reader.busy(chance.randint(1, 300)) if fault == "busy" else fault

    thread = threading.Thread(target=fail)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for reader in readers.values():
            reader.fault = None


# --- what the readers know -------------------------------------------------------------------------------------------


def lives(alerts: int, seed: int) -> Mapping[int, int]:
    """How many steps each alert took; the last is its end."""
    return Counter(step.alert for batch in batches(alerts, seed) for step in batch)


def judged(told: Mapping[str, Sequence[Told]], steps: Mapping[int, int]) -> Found:
    """Whether each channel's reader knows the truth of every alert, and learned it in order and once.

    ``steps`` is how many each alert took. Whoever was told of its end alone was told that it came and went.
    """
    found = Found()
    for name, messages in told.items():
        found.messages += len(messages)
        _judge(found, name, messages, steps)
    return found


def _judge(found: Found, name: str, messages: Sequence[Told], steps: Mapping[int, int]) -> None:
    heard: dict[int, list[tuple[int, int]]] = {}
    for position, message in enumerate(messages):
        for alert, number, _ in message.steps:
            heard.setdefault(alert, []).append((number, position))
    again: dict[int, set[int]] = {}
    for alert, number in steps.items():
        own = heard.get(alert, [])
        where = f"{name}: alert {alert}, heard {own}"
        if not own or own[-1][0] != number:
            found.lost.append(where)
            continue
        if own[0][0] == number:
            is_said = alert in messages[own[0][1]].passed
            found.netted += is_said
            found.lost += [] if is_said else [where]
        for (before, first), (after, second) in pairwise(own):
            if after < before:
                found.overtaken.append(where)
            elif after == before:
                again.setdefault(first, set()).add(second)
    _count_repeats(found, name, messages, again)


def _count_repeats(found: Found, name: str, messages: Sequence[Told], again: Mapping[int, set[int]]) -> None:
    """Of all that a process sent, one message may have been told again: by a later process."""
    found.told_twice += len(again)
    twice = Counter(messages[first].generation for first in again)
    found.repeated += [f"{name}: {most} messages of process {each}" for each, most in twice.items() if most > 1]
    for first, seconds in again.items():
        if any(messages[each].generation == messages[first].generation for each in seconds):
            found.repeated.append(f"{name}: {messages[first].id_text} by the same process")


def _add_stored(found: Found, path: Path, letters: int) -> None:
    """The store agrees: every letter was written, and is sent."""
    with closing(Store.open(path, readonly=True)) as store:
        counts, live, tried = store.counts(), store.live_alerts(), store.deliveries(10**7)
    found.failures = Counter(each.outcome for each in tried if each.outcome != "sent")
    found.letters = sum(each.outcome == "sent" for each in tried)
    if found.letters != letters or counts.outbox_waiting or counts.outbox_dead or live:
        found.lost.append(f"store: {found.letters} of {letters} letters sent, {len(live)} alerts live, {counts}")


def main() -> None:
    """Run, and print what it came to."""
    given = [int(each) for each in sys.argv[1:]]
    alerts, kills = (*given, *(10_000, 50)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), alerts, kills, seed=1)
    lines = [
        f"{alerts:,} alerts over {len(NAMES)} channels, {kills} kills, {found.seconds:.0f} s",
        f"letters sent {found.letters:,}, messages that arrived {found.messages:,}",
        f"attempts that failed, by letter: {dict(found.failures)}",
        f"came and went in one message {found.netted:,}, messages told twice {found.told_twice}",
        *(line for what in ("lost", "overtaken", "repeated") for line in _wrong(what, getattr(found, what))),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(not found.is_good)


def _wrong(what: str, found: Sequence[str]) -> Iterator[str]:
    yield f"{what}: {len(found)}"
    yield from (f"  {each}" for each in found[:5])


if __name__ == "__main__":
    main()
