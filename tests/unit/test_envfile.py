"""Variables in a file: read as they are now, and never shown."""

from __future__ import annotations

import os

import pytest

from daemon import envfile
from daemon.envfile import EnvFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "creatorwatch.env"


def test_a_value_is_what_the_file_says_now(path):
    variables = EnvFile(path, {})
    path.write_text('COOKIE="a=1; b=2"\nexport TOKEN=abc # of the team\n')
    assert dict(variables) == {"COOKIE": "a=1; b=2", "TOKEN": "abc"}
    path.write_text("COOKIE=other\n")
    os.utime(path, ns=(1, 1))
    assert dict(variables) == {"COOKIE": "other"}


def test_nothing_is_put_together_from_other_variables(path):
    path.write_text("COOKIE=a${HOME}b$HOME\n")
    assert EnvFile(path, {})["COOKIE"] == "a${HOME}b$HOME"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"NAME_ONLY\n", b"", b"# a remark\n"])
def test_a_file_without_variables_has_none(path, content):
    path.write_bytes(content)
    assert dict(EnvFile(path, {})) == {}


def test_a_file_that_is_not_there_has_no_variables_and_may_come_later(path):
    variables = EnvFile(path, {})
    assert "COOKIE" not in variables
    path.write_text("COOKIE=now\n")
    assert variables["COOKIE"] == "now"


def test_a_file_that_has_grown_too_large_to_be_read_has_no_variables_and_not_those_of_before(path, monkeypatch):
    monkeypatch.setattr(envfile, "MAX_BYTES", 100)
    variables = EnvFile(path, {"COOKIE": "of the process"})
    path.write_text("COOKIE=now\n")
    assert variables["COOKIE"] == "now"
    path.write_text("COOKIE=later\n" + "# a remark\n" * 10)
    assert variables["COOKIE"] == "of the process"
    path.write_text("COOKIE=again\n")
    assert variables["COOKIE"] == "again"


def test_the_values_do_not_show(path):
    path.write_text("COOKIE=sessionid-5ecret\n")
    variables = EnvFile(path, {})
    assert "5ecret" not in f"{variables!r} {variables} {[*variables]}"


def test_the_file_says_more_than_the_process_was_started_with(path):
    path.write_text("COOKIE=new\n")
    assert dict(EnvFile(path, {"COOKIE": "old", "HOME": "/home"})) == {"COOKIE": "new", "HOME": "/home"}
