"""The rules of the example have tests, in tests/rules: of each rule, and of each number in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from daemon.config import Config, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.rule_test_files import Suite, open_suite, read_suite
from daemon.rule_tests import run_test

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "rules.example.yaml"
FILES = sorted((ROOT / "tests" / "rules").glob("*.yaml"))
RULE = re.compile(r"^  - name: ([a-z-]+).*?(?=^  - name: |\Z)", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"((?:[<>=]=?|!=|[-*]) -?)(\d[\d_]*(?:\.\d+)?)(?=[%smhdw]*[\s,)}])")
TEXTS = re.compile(r'"[^"]*"|#.*')
"""What is said, and not compared: nothing in it is a number of the rule."""


def config_of(path):
    config = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    return config


def suites(config):
    found = [read_suite(open_suite(path), config) for path in FILES]
    assert all(isinstance(each, Suite) for each in found), found
    return found


@cache
def as_shipped():
    config = config_of(EXAMPLE)
    return config, [test for suite in suites(config) for test in suite.tests]


def failing(config, about):
    """Whether a test about a rule fails with this configuration."""
    tests = [test for suite in suites(config) for test in suite.tests if about in test.about]
    return any(run_test(test, config) for test in tests)


def rules():
    text = EXAMPLE.read_text().partition("\nrules:\n")[2]
    return {match[1]: match[0] for match in RULE.finditer(text)}


def numbers(chunk):
    """Where the numbers of a rule stand that something is compared with, or that stretch what is."""
    said = [range(*match.span()) for match in TEXTS.finditer(chunk)]
    found = (match.span(2) for match in NUMBER.finditer(chunk))
    return [span for span in found if not any(span[0] in each for each in said)]


def changed(text, factor):
    number = float(text)
    return f"{number * factor if number else factor - 1:f}".rstrip("0").rstrip(".")


RULES = rules()


@pytest.mark.parametrize("test", as_shipped()[1], ids=lambda test: test.name)
def test_a_test_of_the_example_passes(test):
    assert run_test(test, as_shipped()[0]) == []


@pytest.mark.parametrize("name", [rule.name for rule in as_shipped()[0].book.rules])
def test_every_rule_of_the_example_has_a_test_in_which_it_fires_and_one_in_which_it_is_silent(name):
    looks = [
        {alert.rule for alert in look.alerts}
        for test in as_shipped()[1]
        for look in test.expectations
        if look.alerts is not None and name in test.about
    ]
    assert any(name in look for look in looks)
    assert any(name not in look for look in looks)


@pytest.mark.parametrize("name", [name for name, chunk in RULES.items() if numbers(chunk)])
def test_no_number_of_a_rule_can_be_three_times_or_a_third_of_what_it_is_unnoticed(name, tmp_path):
    text, chunk, path = EXAMPLE.read_text(), RULES[name], tmp_path / "rules.yaml"
    unnoticed = []
    for start, end in numbers(chunk):
        for factor in (3.0, 1 / 3):
            other = chunk[:start] + changed(chunk[start:end], factor) + chunk[end:]
            path.write_text(text.replace(chunk, other))
            if failing(config_of(path), name):
                break
        else:
            unnoticed.append(chunk[max(0, start - 30) : end])
    assert unnoticed == []


def test_all_rules_of_the_example_are_looked_at_for_numbers():
    assert {rule.name for rule in as_shipped()[0].book.rules if not rule.name.endswith("-of-account")} == RULES.keys()
    assert sum(len(numbers(chunk)) for chunk in RULES.values()) > 60
