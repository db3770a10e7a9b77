"""Files as they were when they were read."""

from __future__ import annotations

import os

import pytest

from daemon.config import Config, load
from daemon.envfile import EnvFile
from daemon.providers import ENDPOINTS, METRICS
from daemon.sources import Sources, stamps_of

FILE = """
database: a.db
env_file: own.env
providers: {tikhub: {token: "${TIKHUB}"}}
roster: [people.csv]
dashboards: [board.json]
channels: {console: {url: "console://"}}
"""
NAMES = ("rules.yaml", "own.env", "people.csv", "board.json")


@pytest.fixture
def folder(tmp_path):
    contents = (FILE, "TIKHUB=x\n", "platform,id,handle\ntiktok,ann,ann\n", "[]")
    for name, content in zip(NAMES, contents, strict=True):
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def read(folder) -> Config:
    config = load(folder / "rules.yaml", {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    return config


def test_a_configuration_knows_all_files_that_it_was_read_from_as_they_were(folder):
    config = read(folder)
    assert config.files[0] == folder / "rules.yaml"
    assert {path.name for path in config.files} == set(NAMES)
    assert config.stamps == stamps_of(config.files)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_was_written_since_has_another_stamp(name, folder):
    config, path = read(folder), folder / name
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    now = stamps_of(config.files)
    assert [each for each in config.files if now[each] != config.stamps[each]] == [path]


@pytest.mark.parametrize(("name", "is_other"), [(name, name != "own.env") for name in NAMES])
def test_a_digest_is_of_all_that_was_read_but_for_what_may_be_secret(name, is_other, folder):
    before, path = read(folder).digest, folder / name
    assert read(folder).digest == before
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert (read(folder).digest != before) is is_other


def test_a_digest_tells_where_one_file_ends_and_the_next_begins(tmp_path):
    digests = set()
    for texts in (("1", "23"), ("12", "3")):
        sources = Sources()
        for name, text in zip("ab", texts, strict=True):
            (tmp_path / name).write_text(text, encoding="utf-8")
            sources.read(tmp_path / name)
        digests.add(sources.digest)
    assert len(digests) == 2


def test_a_file_that_is_read_twice_is_as_it_was_at_first(tmp_path):
    sources, path = Sources(), tmp_path / "a"
    path.write_text("1", encoding="utf-8")
    before = stamps_of([path])
    assert sources.read(path) == b"1"
    path.write_text("two", encoding="utf-8")
    assert sources.read(path) == b"two"
    assert sources.stamps == before != stamps_of([path])


def test_a_variable_behind_a_link_that_leads_elsewhere_is_read_anew(tmp_path):
    for name, value in (("one", "1"), ("two", "2")):
        (tmp_path / name).write_text(f"HOOK={value}\n", encoding="utf-8")
        os.utime(tmp_path / name, (1e9, 1e9))
    link = tmp_path / "own.env"
    link.symlink_to("one")
    variables = EnvFile(link, {})
    assert variables["HOOK"] == "1"
    link.unlink()
    link.symlink_to("two")
    assert variables["HOOK"] == "2"


def test_a_file_that_is_not_there_has_no_stamp_and_one_once_it_is(tmp_path):
    path = tmp_path / "own.env"
    assert stamps_of([path]) == {path: None}
    path.write_text("", encoding="utf-8")
    assert stamps_of([path])[path] is not None
