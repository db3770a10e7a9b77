"""A file in the place of another, on a real disk."""

from __future__ import annotations

import os
from stat import S_IMODE

import pytest

from daemon.replacing import put, put_back, settle


@pytest.fixture
def place(tmp_path):
    place = tmp_path / "rules.yaml"
    place.write_bytes(b"before")
    return place


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_file_is_replaced_with_the_rights_that_it_had_and_kept_beside(mode, place, tmp_path):
    place.chmod(mode)
    kept = settle(put(b"after", place), place)
    assert (place.read_bytes(), kept.read_bytes()) == (b"after", b"before")
    assert [S_IMODE(path.stat().st_mode) for path in (place, kept)] == [mode, mode]
    assert names(tmp_path) == ["rules.yaml", "rules.yaml.old"]


def test_a_file_is_replaced_for_the_owner_that_it_had(place):
    owner = (12345, 54321) if os.getuid() == 0 else (os.getuid(), os.getgroups()[-1])  # only root gives files away
    os.chown(place, *owner)
    put(b"after", place)
    assert (place.stat().st_uid, place.stat().st_gid) == owner


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(place, tmp_path):
    link = tmp_path / "elsewhere" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(place)
    kept = settle(put(b"after", link), link)
    assert (link.readlink(), place.read_bytes(), kept) == (place, b"after", tmp_path / "rules.yaml.old")


def test_only_the_file_before_is_kept(place):
    settle(put(b"second", place), place)
    assert settle(put(b"third", place), place).read_bytes() == b"second"
    assert names(place.parent) == ["rules.yaml", "rules.yaml.old"]


def test_until_it_is_settled_no_file_beside_the_place_is_another(place, tmp_path):
    for name in ("rules.yaml.old", "rules.yaml.before"):
        (tmp_path / name).write_text(name)
    kept = put(b"after", place)
    assert (kept.name, kept.read_bytes()) == ("rules.yaml.before1", b"before")
    assert all((tmp_path / name).read_text() == name for name in ("rules.yaml.old", "rules.yaml.before"))
    put_back(kept, place)
    assert place.read_bytes() == b"before"
    assert names(tmp_path) == ["rules.yaml", "rules.yaml.before", "rules.yaml.old"]


def test_what_cannot_be_the_one_file_before_stays_where_it_is(place, tmp_path):
    (tmp_path / "rules.yaml.old").mkdir()
    kept = put(b"after", place)
    assert settle(kept, place) == kept
    assert kept.read_bytes() == b"before"


def test_what_is_put_back_is_the_very_file_that_was_there(place, tmp_path):
    before = place.stat()
    put_back(put(b"after", place), place)
    after = place.stat()
    assert (place.read_bytes(), after.st_ino, after.st_mtime_ns) == (b"before", before.st_ino, before.st_mtime_ns)
    assert names(tmp_path) == ["rules.yaml"]


def test_a_file_that_cannot_be_replaced_stays_as_it_was_and_nothing_is_left_beside_it(tmp_path):
    (tmp_path / "rules.yaml").mkdir()  # a folder has no second name
    with pytest.raises(OSError, match=r"rules\.yaml"):
        put(b"after", tmp_path / "rules.yaml")
    assert names(tmp_path) == ["rules.yaml"]


def test_there_must_be_a_file_to_be_replaced(tmp_path):
    with pytest.raises(FileNotFoundError):
        put(b"after", tmp_path / "rules.yaml")
    assert names(tmp_path) == []
