"""What people say while the daemon takes up another file, which holds the database for longer than a moment."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

from daemon.commands.exits import configured, writing
from storage.database import BUSY_TIMEOUT_MS
from storage.silences import How, Speaker, Wish
from storage.store import Store
from tests.stored import NOW, UNNAMED


def test_what_is_said_while_the_daemon_writes_for_seconds_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yaml").write_text(UNNAMED.format(rules=""))
    config = configured(tmp_path / "rules.yaml")
    Store.open(tmp_path / "creatorwatch.db").close()
    with closing(sqlite3.connect(tmp_path / "creatorwatch.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        let_go = threading.Timer(BUSY_TIMEOUT_MS / 1000 + 1, other.rollback)
        let_go.start()
        with writing(config) as store:
            store.spoken.silence(Wish('rule == "points"', NOW, "a launch"), Speaker("lin", NOW, How.CLI))
        let_go.join()
    with closing(Store.open(tmp_path / "creatorwatch.db", readonly=True)) as store:
        assert [each.who for each in store.spoken.trail(NOW)] == ["lin"]
