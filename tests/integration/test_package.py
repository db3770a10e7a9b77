"""What is installed: the wheel, the names it takes, and the locked requirements."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
OURS = ("daemon", "rules", "storage")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")
START = "import sys; from daemon.cli import main; sys.argv[0] = 'creatorwatch'; main()"


def run(*command, cwd, **env):
    """Run Python to its end, with a path of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8", **env}
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built = run("-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the wheel's content and nothing else; the requirements are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    done = run("-m", "pip", "install", "--no-index", "--no-deps", "--target", folder, wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def requirements(lock):
    """Each requirement of a lock file, in one line."""
    text = re.sub(r"(?m)^\s*#.*$|\s+#.*$", "", (ROOT / lock).read_text()).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def locked(lock):
    return [Requirement(line.partition(" --hash")[0]) for line in requirements(lock)]


# --- the wheel --------------------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_three_packages_whole_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if f"creatorwatch-{VERSION}.dist-info" not in name}
    sources = {path for name in OURS for path in (ROOT / name).rglob("*") if path.is_file()}

    assert held == {str(path.relative_to(ROOT)) for path in sources if path.suffix != ".pyc"}
    assert "storage/migrations/env.py" in held


def test_the_version_is_the_same_everywhere(wheel):
    assert metadata.version("creatorwatch") == VERSION
    assert wheel.name == f"creatorwatch-{VERSION}-py3-none-any.whl"


def test_the_installed_wheel_works_in_any_folder(installed, tmp_path):
    command = ("-c", START, "check", ROOT / "rules.example.yaml")
    done = run(*command, cwd=tmp_path, PYTHONPATH=str(installed), PYTHONSAFEPATH="1")
    told = run("-c", "import storage; print(storage.__file__)", cwd=tmp_path, PYTHONPATH=str(installed))

    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing wrong" in done.stdout
    assert Path(told.stdout.strip()).is_relative_to(installed)


def test_the_installed_wheel_makes_its_database(installed, tmp_path):
    made = "from storage.store import Store; store = Store.open('new.db'); print(store.counts().alerts); store.close()"
    done = run("-c", made, cwd=tmp_path, PYTHONPATH=str(installed), PYTHONSAFEPATH="1")

    assert (done.returncode, done.stdout, done.stderr) == (0, "{}\n", "")


# --- names that others have too ---------------------------------------------------------------------------------------


def test_no_requirement_brings_a_package_with_the_name_of_ours():
    required = [each for each in locked("requirements.lock") if each.marker is None or each.marker.evaluate()]
    tops = {
        each.name: {Path(file).parts[0].removesuffix(".py") for file in metadata.files(each.name) or ()}
        for each in required
    }

    assert len(tops) > 20
    assert all(tops.values())
    assert {name: found & {*OURS} for name, found in tops.items() if found & {*OURS}} == {}


def test_no_other_installed_distribution_owns_a_name_of_ours():
    owners = metadata.packages_distributions()
    assert owners["httpx"] == ["httpx"]
    assert {owner for name in OURS for owner in owners.get(name, ())} <= {"creatorwatch"}


@pytest.mark.parametrize("name", ["rules", "storage"])
def test_a_package_of_another_project_in_the_place_of_ours_is_refused_in_words(name, installed, tmp_path):
    (tmp_path / "other" / name).mkdir(parents=True)
    (tmp_path / "other" / name / "__init__.py").touch()
    path = os.pathsep.join([str(tmp_path / "other"), str(installed)])
    done = run("-c", START, "check", ROOT / "rules.example.yaml", cwd=tmp_path, PYTHONPATH=path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"creatorwatch: `{name}` is another project's package here: install creatorwatch in an environment of its own\n"
    )


# --- the lock files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed_and_no_file_names_a_place(lock):
    assert requirements(lock)
    for line in requirements(lock):
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^@]+?)?( +--hash=sha256:[0-9a-f]{64})+", line)
    assert "://" not in (ROOT / lock).read_text()
    assert "--index" not in (ROOT / lock).read_text()


def test_the_lock_files_agree_with_each_other():
    run_time, dev, build = ({each.name: str(each.specifier) for each in locked(lock)} for lock in LOCKS)

    assert run_time.items() <= dev.items()
    assert build.items() <= dev.items()


def test_everything_the_project_asks_for_is_locked_in_a_version_it_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {each.name: str(each.specifier).removeprefix("==") for each in locked("requirements.lock")}

    for wanted in map(Requirement, project["dependencies"]):
        assert wanted.specifier.contains(pinned[wanted.name])
