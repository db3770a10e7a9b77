"""The console script as a user runs it: in a process of its own, in pipes or on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess

from tests.running import CREATORWATCH


def environment(**more):
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **more}


def creatorwatch(*arguments, cwd, **more):
    """Run a command to its end, in pipes."""
    command = [CREATORWATCH, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=60, check=False
    )


def on_terminal(*arguments, cwd, **more):
    """What a command shows on a terminal."""
    ours, its = pty.openpty()
    env = environment(TERM="xterm", **more)
    with subprocess.Popen([CREATORWATCH, *arguments], cwd=cwd, env=env, stdin=its, stdout=its, stderr=its):
        os.close(its)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return shown.decode()


def _read(terminal):
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux: nobody holds the other end any more
        return b""
