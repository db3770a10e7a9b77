"""A provider in a process of its own, on 127.0.0.1: a port for each who asks, because numbers grow with each answer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks.bodies import ROOT, Answers

SPREAD = (0.7, 1.1, 0.9, 1.3, 0.8, 1.2)
"""Latencies come one after the other, as parts of their mean."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests have no body."""

    def __init__(self, answers: Answers, latencies_s: Iterator[float]) -> None:
        self._answers, self._latencies_s = answers, latencies_s
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for request in requests:
            url = urlsplit(request.split(b" ", 2)[1].decode())
            query = parse_qs(url.query)
            subject = (query.get("item_id") or query["user_id"])[0]
            body = self._answers.body(url.path.rpartition("/")[2], subject)
            self._answer_in(next(self._latencies_s), _HEAD % len(body) + body)

    def _answer_in(self, latency_s: float, answer: bytes) -> None:
        if latency_s:
            asyncio.get_running_loop().call_later(latency_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(first: int, latencies_ms: Sequence[float]) -> None:
    """Answer until ended, with a mean latency for each port; the ports go to stdout."""
    ports = []
    for mean_ms in latencies_ms:
        connect = partial(Connection, Answers(first), itertools.cycle([mean_ms / 1000 * part for part in SPREAD]))
        server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
        ports.append(str(server.sockets[0].getsockname()[1]))
    sys.stdout.write(" ".join(ports) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


@contextlib.contextmanager
def running(first: int, latencies_ms: Sequence[float]) -> Iterator[list[str]]:
    """The base URLs of providers that have told the first ``first`` steps already, with these mean latencies."""
    command = [sys.executable, "-m", "tests.benchmarks.provider", str(first), *map(str, latencies_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield [f"http://127.0.0.1:{port}" for port in process.stdout.readline().split()]
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), [float(each) for each in sys.argv[2:]]))
