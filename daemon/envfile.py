"""Environment variables in a file, as systemd and shells know them: read anew whenever it has changed.

A process cannot be given other variables while it runs, but cookies expire while it runs. So what a file says wins over
what the process was started with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values

from daemon.sources import Stamp, stamp_of

MAX_BYTES = 1_000_000


class EnvFile(Mapping[str, str]):
    """The variables of a file as they are now, before those of ``env``.

    A file that cannot be read has none, and one that is larger than ``MAX_BYTES`` is not read.
    """

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self._path, self._env = path, env
        self._seen: Stamp | None = None
        self._values: Mapping[str, str] = {}

    def __getitem__(self, name: str) -> str:
        found = self._read().get(name)
        return self._env[name] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter({**self._env, **self._read()})

    def __len__(self) -> int:
        return len({**self._env, **self._read()})

    def __repr__(self) -> str:
        return f"EnvFile({self._path.name!r})"

    def _read(self) -> Mapping[str, str]:
        try:
            about = self._path.stat()
        except OSError:
            return {}
        if stamp_of(about) != self._seen:
            self._values = _values(self._path) if about.st_size <= MAX_BYTES else {}
            self._seen = stamp_of(about)
        return self._values


def _values(path: Path) -> Mapping[str, str]:
    try:
        found = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: value for name, value in found.items() if value is not None}


def environment(env: Mapping[str, str], base: Path, env_file: str) -> Mapping[str, str]:
    """The variables that references name: those of the file, as they are at the time, before those of the process."""
    return EnvFile(base / env_file, env) if env_file else env
