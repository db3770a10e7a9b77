"""Charts drawn beside the daemon: a process that begins with the first, and ends when none was wanted for a minute.

So matplotlib's memory is not the daemon's for longer than it takes, and what breaks there breaks nothing here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from daemon.chart import Chart

COMMAND = (sys.executable, "-I", str(Path(__file__).with_name("drawing.py")))
IDLE_S = 60.0
LONGEST_S = 20.0
"""Of a drawing; a process that takes longer hangs."""

MAX_PNG = 1_000_000
PASSED_ON = ("HOME", "LANG", "MPLCONFIGDIR", "PATH", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""All that the process is told of the daemon's environment, which may hold secrets."""

log = structlog.get_logger("creatorwatch.easel")


class Easel:
    """Draws one chart at a time. ``command`` is the process; it ends after ``idle_s`` seconds without work."""

    def __init__(self, command: Sequence[str] = COMMAND, idle_s: float = IDLE_S) -> None:
        self._command, self._idle_s = command, idle_s
        self._process: Process | None = None
        self._lock = asyncio.Lock()
        self._begun: set[asyncio.Task[bytes | None]] = set()
        self._at_work: asyncio.Task[Any] | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def draw(self, chart: Chart) -> bytes | None:
        """A PNG; None where it cannot be drawn. It never fails.

        A caller that waits no longer may cancel it: a drawing that has begun is finished for nobody, so that the
        process is ready for the next.
        """
        turn = asyncio.create_task(self._turn(chart))
        self._begun.add(turn)
        turn.add_done_callback(self._begun.discard)
        try:
            return await asyncio.shield(turn)
        except asyncio.CancelledError:
            if turn is not self._at_work:
                turn.cancel()
            raise

    async def _turn(self, chart: Chart) -> bytes | None:
        async with self._lock:
            self._at_work = asyncio.current_task()
            try:
                async with asyncio.timeout(LONGEST_S):
                    return await self._drawn(chart)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                log.warning("a chart could not be drawn", fault=type(error).__name__)
                await self._end()
                return None

    async def _drawn(self, chart: Chart) -> bytes | None:
        process = await self._ready()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes were asked for
        process.stdin.write(chart.as_line())
        await process.stdin.drain()
        (length,) = struct.unpack(">I", await process.stdout.readexactly(4))
        if length > MAX_PNG:
            raise ValueError("no picture is so large")
        return await process.stdout.readexactly(length) or None

    async def _ready(self) -> Process:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._rest)
        if self._process is None or self._process.returncode is not None:
            env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={**env, "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the daemon, which ends it
            )
        return self._process

    def _rest(self) -> None:
        """End the process once nothing came for a while: it ends when its input does."""
        if self._process is not None and self._process.stdin is not None and not self._lock.locked():
            self._process.stdin.close()
            self._process = None

    async def close(self) -> None:
        """End the process now."""
        if self._idle is not None:
            self._idle.cancel()
        for turn in list(self._begun):
            turn.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def drawn_once(chart: Chart) -> bytes | None:
    """A PNG by a process of its own; None where it cannot be drawn."""
    easel = Easel()
    try:
        return await easel.draw(chart)
    finally:
        await easel.close()
