"""`creatorwatch reload` beside a daemon that runs: what it shows, what it asks, what it puts in place."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from stat import S_IMODE

import pytest

from daemon.lock import holder
from tests.running import CREATORWATCH, FANS, configure, creatorwatch, edit, until


@pytest.fixture
def draft(tmp_path):
    """A file beside the one in force, with one more rule."""
    configure(tmp_path)
    draft = tmp_path / "draft.yaml"
    draft.write_text((tmp_path / "rules.yaml").read_text())
    edit(draft, "rules:\n", FANS)
    return draft


SAID = r"draft\.yaml: opens \d+, closes \d+, \+\$\d+\.\d\d/day \(\$\d+\.\d\d\)\n"


def test_reload_says_what_a_file_would_change_and_nothing_does_until_somebody_agrees(start, draft, tmp_path):
    daemon = start().greeted()
    before = (tmp_path / "rules.yaml").read_text()

    tried = creatorwatch(tmp_path, "reload", "--dry-run", "draft.yaml")
    assert (tried.returncode, tried.stderr) == (0, "")
    assert re.fullmatch(SAID, tried.stdout)

    unasked = creatorwatch(tmp_path, "reload", "draft.yaml")
    assert (unasked.returncode, re.fullmatch(SAID, unasked.stdout) is None) == (1, False)
    assert unasked.stderr == "creatorwatch: nothing was changed: there is no terminal to ask at; --yes does not ask\n"
    read_again(daemon)
    assert (tmp_path / "rules.yaml").read_text() == before


def read_again(daemon):
    """Wait until the daemon has read its file once more, and look at what that changed: nothing."""
    said = creatorwatch(daemon.folder, "reload")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "rules.yaml is in force: opens 0, closes 0\n"


def test_reload_puts_a_file_in_the_place_of_the_one_in_force_and_says_what_came_of_it(start, draft, tmp_path):
    place = tmp_path / "rules.yaml"
    place.chmod(0o600)
    daemon, before = start().greeted(), place.read_text()

    done = creatorwatch(tmp_path, "reload", "--yes", "draft.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    said, in_force, kept = done.stdout.splitlines(keepends=True)
    assert re.fullmatch(SAID, said)
    assert in_force in daemon.out
    assert re.fullmatch(r"rules\.yaml is in force: opens \d+, closes \d+\n", in_force)
    assert kept == f"the file before is {tmp_path / 'rules.yaml.old'}\n"
    assert place.read_text() == draft.read_text() != before == (tmp_path / "rules.yaml.old").read_text()
    assert [S_IMODE(path.stat().st_mode) for path in (place, tmp_path / "rules.yaml.old")] == [0o600, 0o600]
    read_again(daemon)


def test_a_file_that_the_daemon_does_not_take_up_is_not_left_in_place(start, draft, tmp_path):
    place = tmp_path / "rules.yaml"
    daemon, before = start().greeted(), place.read_text()
    edit(draft, "channels:\n", 'channels:\n  theirs: { url: "${THEIRS}" }\n')

    done = creatorwatch(tmp_path, "reload", "--yes", "draft.yaml", THEIRS="json://127.0.0.1:1/")
    assert done.returncode == 1
    first, problem = done.stderr.splitlines()
    assert first == "creatorwatch: the daemon does not take it up, and the file before is back in its place:"
    assert problem.endswith("the environment variable THEIRS is not set")
    assert place.read_text() == before
    read_again(daemon)


def test_a_file_in_another_folder_is_refused_as_its_rosters_would_be_others(start, draft, tmp_path):
    start().greeted()
    (tmp_path / "drafts").mkdir()
    elsewhere = draft.rename(tmp_path / "drafts" / "draft.yaml")
    done = creatorwatch(tmp_path, "reload", "--yes", str(elsewhere))
    assert done.returncode == 2
    assert done.stderr.startswith(f"creatorwatch: put it beside {tmp_path / 'rules.yaml'}: ")


def test_reload_without_a_file_replaces_none(start, draft, tmp_path):
    daemon = start().greeted()
    done = creatorwatch(tmp_path, "reload", "--yes", CREATORWATCH_RULES="draft.yaml")
    assert done.returncode == 2
    assert f"the daemon at work reads {tmp_path / 'rules.yaml'}; `creatorwatch reload draft.yaml`" in done.stderr
    assert "in force" not in daemon.out


class Asked:
    """`creatorwatch reload draft.yaml` on a terminal, which has asked."""

    def __init__(self, folder):
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [CREATORWATCH, "reload", "draft.yaml"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        self.shown = ""
        until(lambda: "[y/N]: " in self._more())

    def _more(self):
        self.shown += os.read(self._ours, 10_000).decode()
        return self.shown

    def answer(self, words):
        """The exit code, once it has ended."""
        os.write(self._ours, f"{words}\n".encode())
        code = self._process.wait(timeout=60)
        with suppress(OSError):  # a terminal that nobody writes to any more ends with an error
            while True:
                self._more()
        os.close(self._ours)
        return code


@pytest.mark.parametrize(("answer", "code", "said"), [("y", 0, "is in force: opens"), ("n", 1, "nothing was changed")])
def test_on_a_terminal_reload_asks(answer, code, said, start, draft, tmp_path):
    daemon, place = start().greeted(), tmp_path / "rules.yaml"
    before, asked = place.read_text(), Asked(tmp_path)
    assert f"Put it in the place of {place}? [y/N]: " in asked.shown
    assert asked.answer(answer) == code
    assert said in asked.shown
    assert (place.read_text() == before) is (code == 1)
    assert ("is in force" in daemon.out) is (code == 0)


def test_a_file_that_is_written_while_somebody_is_asked_is_not_the_one_that_was_shown(start, draft, tmp_path):
    start().greeted()
    before, asked = (tmp_path / "rules.yaml").read_text(), Asked(tmp_path)
    edit(draft, "follower_count > 1,", "follower_count > 2,")
    assert asked.answer("y") == 1
    assert "nothing was changed: draft.yaml, or a file that it names, was written meanwhile" in asked.shown
    assert (tmp_path / "rules.yaml").read_text() == before


def test_reload_without_a_daemon_says_so(tmp_path):
    configure(tmp_path)
    done = creatorwatch(tmp_path, "reload", "--yes")
    assert done.returncode == 1
    assert done.stderr == (
        "creatorwatch: no daemon is at work on the database of this file; `creatorwatch run` starts one\n"
    )


def test_what_the_daemon_said_of_an_older_file_is_no_answer_about_the_new_one(start, draft, tmp_path):
    place = tmp_path / "rules.yaml"
    daemon = start().greeted()
    database = next(tmp_path.glob("*.lock")).with_suffix("")
    edit(place, "rules:\n", "rulez:\n")
    refused = until(lambda: (said := holder(database)) and said.problems and said)
    asked = Asked(tmp_path)
    os.kill(daemon.process.pid, signal.SIGHUP)
    until(lambda: (said := holder(database)) and said.at != refused.at)  # while somebody thinks, it is refused again
    assert asked.answer("y") == 0
    assert "is in force: opens" in asked.shown
    assert place.read_text() == draft.read_text()


def test_the_file_before_is_not_lost_where_the_daemon_refuses_to_go_back_to_it(start, draft, tmp_path):
    place, kept = tmp_path / "rules.yaml", tmp_path / "rules.yaml.old"
    start().greeted()
    assert creatorwatch(tmp_path, "reload", "--yes", "draft.yaml").returncode == 0
    edit(kept, "channels:\n", 'channels:\n  theirs: { url: "${THEIRS}" }\n')
    before = kept.read_text()

    refused = creatorwatch(tmp_path, "reload", "--yes", "rules.yaml.old", THEIRS="json://127.0.0.1:1/")
    assert refused.returncode == 1
    assert (kept.read_text(), place.read_text()) == (before, draft.read_text())

    edit(kept, '  theirs: { url: "${THEIRS}" }\n', "")
    before = kept.read_text()
    done = creatorwatch(tmp_path, "reload", "--yes", "rules.yaml.old")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"the file before is {kept}")
    assert (place.read_text(), kept.read_text()) == (before, draft.read_text())
