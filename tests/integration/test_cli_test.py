"""`creatorwatch test` as a user runs it: the console script in a process of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from daemon.rule_test_models import (
    AlertModel,
    CaseModel,
    ExpectModel,
    RecordModel,
    SeriesModel,
    SuiteModel,
    ToldModel,
)
from tests.commands import creatorwatch, on_terminal

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(r"\x1b\[[\d;]*m")
MODELS = (SuiteModel, CaseModel, SeriesModel, RecordModel, ExpectModel, AlertModel, ToldModel)

CONFIG = """\
accounts: [{ platform: tiktok, id: mei }]
channels: { managers: { url: "console://" } }
rules:
  - { name: points, on: account, when: violation_score >= 9 }
"""

TESTS = """\
rules: rules.yaml
tests:
  - name: nine points
    input: [{ series: violation_score, values: 8 9 }]
    expect:
      - { at: 0h, alerts: [] }
      - { at: 1h, alerts: [{ rule: points }] }
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rules.yaml").write_text(CONFIG)
    (tmp_path / "good.yaml").write_text(TESTS)
    (tmp_path / "bad.yaml").write_text(TESTS.replace("rule: points", "rule: points, target: mei"))
    (tmp_path / "wrong.yaml").write_text(TESTS.replace("rule: points", "rule: pints"))
    return tmp_path


def run(*arguments, cwd):
    return creatorwatch("test", *arguments, cwd=cwd)


def test_tests_that_pass_are_exit_code_0_and_a_line_each(folder):
    done = run("good.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "good.yaml\n  OK      nine points\ntests: 1, failed: 0\n"


def test_a_test_that_fails_is_exit_code_1_with_place_time_expectation_and_what_came(folder):
    done = run("good.yaml", "bad.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[2:] == [
        "bad.yaml",
        "  FAILED  nine points",
        "    bad.yaml:7:19: other alerts at 1 h (2024-01-01 01:00 UTC)",
        "      expected: points of mei",
        "      got:      points of tiktok/account/test: warning",
        "tests: 2, failed: 1",
    ]


def test_mistakes_in_all_files_are_told_with_their_places_and_no_test_is_run(folder):
    (folder / "worse.yaml").write_text("rules: rules.yaml\ntests: 5\n")
    done = run("good.yaml", "wrong.yaml", "worse.yaml", "missing.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "wrong.yaml:7:36: unknown rule `pints`, did you mean `points`?",
        "worse.yaml:2:8: expected a list, got the number 5",
        "missing.yaml:1:1: there is no such file",
    ]


def test_a_mistake_in_the_rules_is_told_as_check_tells_it(folder):
    (folder / "rules.yaml").write_text(CONFIG.replace("violation_score", "violation_skore"))
    done = run("good.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rules.yaml:4:40: unknown metric `violation_skore`, did you mean `violation_score`?")


def test_rules_are_found_beside_the_file_that_tests_them(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert run(str(folder / "good.yaml"), cwd=elsewhere).returncode == 0


def test_json_says_the_same(folder):
    done = run("good.yaml", "bad.yaml", "--json", cwd=folder)
    good, bad = json.loads(done.stdout)
    assert done.returncode == 1
    assert good == {"file": "good.yaml", "name": "nine points", "line": 3, "column": 11, "ok": True, "failures": []}
    assert (bad["ok"], bad["failures"]) == (
        False,
        [
            {
                "line": 7,
                "column": 19,
                "at_s": 3600.0,
                "what": "alerts",
                "expected": ["points of mei"],
                "got": ["points of tiktok/account/test: warning"],
            }
        ],
    )


def test_colour_is_on_a_terminal_only_and_not_where_it_is_unwanted(folder):
    coloured, plain = (on_terminal("test", "bad.yaml", cwd=folder, **more) for more in ({}, {"NO_COLOR": "1"}))
    assert re.search(r"\x1b\[[\d;]*31mFAILED", coloured)
    assert not re.search(r"\x1b\[[\d;]*3\dm", plain)
    assert COLOUR.sub("", plain).replace("\r", "") == run("bad.yaml", cwd=folder).stdout
    assert COLOUR.sub("", coloured) == COLOUR.sub("", plain)


def test_nothing_is_written(folder):
    before = {path.name for path in folder.iterdir()}
    run("good.yaml", cwd=folder)
    assert {path.name for path in folder.iterdir()} == before


def test_the_tests_of_the_example_pass_as_they_are_shipped():
    done = run(*(str(path) for path in sorted((ROOT / "tests" / "rules").glob("*.yaml"))), cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^tests: \d{2,}, failed: 0$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("model", MODELS)
def test_the_reference_has_every_key_and_says_what_it_means(model):
    reference = (ROOT / "docs" / "testing-rules.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)` \| ", reference, re.MULTILINE))
    assert model.model_fields.keys() - rows == set()
    assert all(field.description for field in model.model_fields.values())
