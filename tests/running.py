"""A daemon that runs, and commands beside it: processes, as a user or systemd starts them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

CREATORWATCH = shutil.which("creatorwatch", path=Path(sys.executable).parent)
EXAMPLE = Path(__file__).parents[1] / "rules.example.yaml"
TIKHUB = "https://api.tikhub.io"
FANS = "rules:\n  - {name: fans, on: account, when: follower_count > 1, summary: fans, on_first_sight: tell}\n"


def until(found, seconds=60.0):
    """The first true answer of ``found``."""
    deadline_s = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)
    return answer


class Daemon:
    """A running `creatorwatch run` in a folder that holds its rules.yaml."""

    def __init__(self, folder, *options, **env):
        self.folder = folder
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **env}
        with (folder / "out").open("a") as out, (folder / "err").open("a") as err:
            self.process = subprocess.Popen(
                [CREATORWATCH, "run", *options], cwd=folder, env=environment, stdout=out, stderr=err
            )

    @property
    def out(self):
        return (self.folder / "out").read_text()

    @property
    def err(self):
        return (self.folder / "err").read_text()

    def greeted(self):
        """Wait for the whole greeting."""
        until(lambda: "stop: Ctrl-C" in self.out or self.process.poll() is not None)
        return self

    def get(self, path):
        url = re.findall(r"(http://\S+)/metrics", self.out)[-1]
        return httpx.get(url + path, trust_env=False)

    def stop(self, number=signal.SIGTERM):
        """The exit code, and how long it took in seconds."""
        began_s = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(timeout=20), time.monotonic() - began_s


def configure(folder, *, listen="127.0.0.1:0", tikhub=TIKHUB, interval="2h"):
    """The example as ``folder/rules.yaml``, with a few of its words replaced."""
    text = EXAMPLE.read_text()
    words = (
        ("127.0.0.1:9109", listen),
        (TIKHUB, tikhub),
        ("{ day: 25, month: 500, soft: 80% }", "{ day: 1000000 }"),  # it refuses to start on what it cannot afford
        ("\nendpoints:\n", f"\nendpoints:\n  get_account_health_status: {{ interval: {interval} }}\n"),
    )
    for old, new in words:
        assert old in text
        text = text.replace(old, new)
    (folder / "rules.yaml").write_text(text)


def creatorwatch(folder, *arguments, **env):
    """A command beside the daemon."""
    return subprocess.run(
        [CREATORWATCH, *arguments],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
