"""The schema for editors: what it takes and refuses, set against the models, the documents and the bad files."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError

from daemon import config_models, route_models
from daemon.config_models import BaseUrl, Cookie, Discovery, FileModel, Files, Token, Usd
from daemon.marked import Tree, parse
from daemon.providers import ENDPOINTS, METRICS
from daemon.schema import schema_of
from rules import models
from rules.models import Duration, Share

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
BAD = ROOT / "tests" / "bad_config"
SCHEMA = schema_of(METRICS, ENDPOINTS)
WHOLE = Draft202012Validator(SCHEMA)
MODELS = {
    name: model
    for module in (config_models, route_models, models)
    for name, model in inspect.getmembers(module, inspect.isclass)
    if issubclass(model, BaseModel) and model.__module__ == module.__name__ and not name.startswith("_")
}
SHAPES = {"FileModel": SCHEMA, **SCHEMA["$defs"]}
LEAST = {
    "ProviderModel": {"token": "${A}"},
    "BudgetModel": {"day": 1},
    "AccountModel": {"platform": "tiktok", "id": "a"},
    "VideoModel": {"platform": "tiktok", "id": "1"},
    "ChannelModel": {"url": "console://"},
    "TemplateModel": {"body": "{{ title }}"},
    "LinksModel": {"url": "https://alerts.example.com", "key": "${A}"},
    "RuleModel": {"name": "a", "on": "video", "when": "views > 1"},
    "LevelModel": {"when": "views > 1"},
    "QuietModel": {"times": "nights"},
    "DigestModel": {"cron": "0 9 * * *"},
    "MaintenanceModel": {"times": "nights"},
    "DelegationModel": {"owner": "lin", "to": "wu", "from": "2026-02-02", "until": "2026-02-06"},
}
"""What must be written, by model."""


def read(path):
    """The tree of a file; None if it cannot be read as YAML."""
    found = parse(path.read_bytes().decode("utf-8", errors="replace"))
    return found if isinstance(found, Tree) else None


def properties(part, place="#"):
    """(the place, the name, the shape) of every key that a schema names."""
    if isinstance(part, list):
        for number, each in enumerate(part):
            yield from properties(each, f"{place}/{number}")
    if isinstance(part, dict):
        for name, shape in part.get("properties", {}).items():
            yield place, name, shape
            yield from properties(shape, f"{place}/{name}")
        for key, each in part.items():
            if key != "properties":
                yield from properties(each, f"{place}/{key}")


def check(*path):
    """A validator of what stands at a path below the definitions."""
    part = SHAPES[path[0]]["properties"][path[1]]
    return Draft202012Validator({**part, "$defs": SCHEMA["$defs"]})


# --- the schema itself ----------------------------------------------------------------------------------------------


def test_it_is_a_schema_of_the_draft_that_it_names():
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMA)


def test_the_copy_in_the_documents_is_what_the_command_prints():
    renew = "renew it: creatorwatch schema > docs/rules.schema.json"
    assert json.loads((ROOT / "docs" / "rules.schema.json").read_text(encoding="utf-8")) == SCHEMA, renew


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_schema_has_the_keys_of_a_model_those_that_it_requires_and_no_other(name):
    fields = {field.alias or key: field for key, field in MODELS[name].model_fields.items()}
    shape = SHAPES[name]
    assert shape["properties"].keys() == fields.keys()
    assert set(shape.get("required", ())) == {key for key, field in fields.items() if field.is_required()}
    assert shape["additionalProperties"] is False


def test_no_model_is_made_up_or_left_out():
    made = {name for name, shape in SHAPES.items() if "enum" not in shape}
    assert made == MODELS.keys()


def test_every_key_says_what_it_is_for_in_words_of_its_own():
    found = list(properties(SCHEMA))
    assert len(found) > 100
    dumb = [
        (place, name) for place, name, shape in found if not re.search(r"\w+ \w+.*[.]$", shape.get("description", ""))
    ]
    assert dumb == []
    for name, model in MODELS.items():
        said = [field.description for field in model.model_fields.values()]
        assert len(set(said)) == len(said), name


def test_the_names_of_our_classes_are_not_shown_as_titles():
    assert '"title": "The configuration of creatorwatch"' in json.dumps(SCHEMA)
    assert json.dumps(SCHEMA).count('"title": "') == 1


def test_a_default_is_one_that_may_be_written():
    for place, name, shape in properties(SCHEMA):
        if "default" in shape:
            faults = list(Draft202012Validator({**shape, "$defs": SCHEMA["$defs"]}).iter_errors(shape["default"]))
            assert not faults, (place, name, faults)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_the_schema_says_of_defaults_is_so(name):
    shown = {key: shape["default"] for key, shape in SHAPES[name]["properties"].items() if "default" in shape}
    assert MODELS[name].model_validate({**LEAST.get(name, {}), **shown}) == MODELS[name](**LEAST.get(name, {}))


# --- files ----------------------------------------------------------------------------------------------------------


def test_the_example_file_is_taken():
    tree = read(ROOT / "rules.example.yaml")
    assert [fault.message for fault in WHOLE.iter_errors(tree.value)] == []


def blocks():
    fence = re.compile(r"^```yaml\n(# [^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in fence.finditer(text):
            if "with a mistake" not in match[1]:
                line = text.count("\n", 0, match.start()) + 1
                yield pytest.param(
                    f"rules:\n{match[2]}" if match[1] == "# a rule" else match[2], id=f"{document.name}:{line}"
                )


@pytest.mark.parametrize("text", list(blocks()))
def test_a_block_of_the_documents_is_taken_unless_it_has_a_mistake(text):
    assert [fault.message for fault in WHOLE.iter_errors(parse(text).value)] == []


def places(fault):
    """Where a fault is, as ways from the root: in the form that was meant, where there are several."""
    if fault.validator == "additionalProperties":
        known = fault.schema.get("properties", {})
        return [(*fault.absolute_path, key) for key in fault.instance if key not in known]
    own = tuple(fault.absolute_path)
    return [place for each in fault.context for place in places(each) if len(place) > len(own)] or [own]


KNOWN = re.compile(
    r"expected (?!one line|a metric|an operator|minute|the earlier|\d+[smhd]\b)|unknown key"
    r"|unknown (provider|endpoint)|`\w+` is missing"
    r"|a (rule|budget) has|a (token|cookie) must not stand|it must be a scheme|the file is empty"
)
"""What is said of mistakes that a schema can know: not of names, ranges, crontab lines, URLs, files and expressions."""

READABLE = [path for path in sorted(BAD.glob("*.yaml")) if read(path)]


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_of_a_bad_file_it_refuses_what_it_can_know_and_nothing_that_is_right(path):
    tree = read(path)
    told = re.findall(r"(?m)^(\d+):\d+: (.*)$", path.with_suffix(".txt").read_text(encoding="utf-8"))
    refused = {tree.mark(place).line for fault in WHOLE.iter_errors(tree.value) for place in places(fault)}
    assert {int(line) for line, text in told if KNOWN.match(text)} - refused == set()
    assert refused - {int(line) for line, _ in told} == set()


def test_a_rule_has_one_of_two_conditions_and_a_budget_a_limit():
    assert WHOLE.is_valid({"rules": [{"name": "a", "on": "video", "when": "views > 1"}]})
    assert not WHOLE.is_valid({"rules": [{"name": "a", "on": "video"}]})
    assert not WHOLE.is_valid({"rules": [{"name": "a", "on": "video", "when": "views > 1", "levels": {"b": "c > 1"}}]})
    assert not WHOLE.is_valid({"budget": {"tikhub": {"soft": "80%"}}})


@pytest.mark.parametrize("key", ["guard", "discover", "roster", "rules", "owners", "overrides"])
def test_every_form_of_a_key_is_taken(key):
    forms = {
        "guard": [True, False, {"share": "30%"}],
        "discover": [True, False, None, "30d", {"newer_than": "1w2d"}],
        "roster": [None, "a.csv", ["a.csv", "b.xlsx"]],
        "rules": [
            None,
            [],
            [{"name": "a", "on": "video", "levels": {"high": "views > 1", "low": {"when": "views > 0"}}}],
        ],
        "owners": [None, {"lin": ["a"]}],
        "overrides": [None, {"tags": None}, {"accounts": {"mei": {"limit": "5%"}}}],
    }
    for form in forms[key]:
        assert WHOLE.is_valid({key: form}), form
        FileModel.model_validate({key: form})


# --- single values: what the schema takes, set against what the model takes ------------------------------------------


def takes(alias, value):
    try:
        TypeAdapter(alias).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


DURATIONS = st.from_regex(r"([0-9]{1,2}(\.[0-9]{1,2})?[smhdwy]){1,3}", fullmatch=True) | st.text(
    "0123456789.smhdw %", max_size=4
)
SHARES = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,2})?%?", fullmatch=True)
NUMBERS = st.integers(-3, 120) | st.floats(-1, 2, allow_nan=False) | st.booleans() | st.none()


@given(DURATIONS | NUMBERS)
@example("1h30m")
@example("1:30")
def test_a_duration_is_one_to_the_schema_and_to_the_models(value):
    assert check("RuleModel", "for").is_valid(value) == takes(Duration, value)


@given(SHARES | NUMBERS)
@example("100%")
@example("100.5%")
def test_a_share_that_the_models_take_the_schema_takes(value):
    assert check("GuardModel", "share").is_valid(value) == (
        takes(Share, value) or bool(re.fullmatch(r"[0.]+%", str(value)))
    )


@given(st.from_regex(r"[0-9]{1,10}(\.[0-9]{1,10})?", fullmatch=True) | st.integers(-3, 120) | st.booleans())
def test_an_amount_that_the_models_take_the_schema_takes(value):
    assert check("BudgetModel", "day").is_valid(value) or not takes(Usd, value)


@pytest.mark.parametrize(
    ("path", "alias", "taken", "refused"),
    [
        (("FileModel", "listen"), None, ["127.0.0.1:9109", "localhost:1", "[::1]:0"], ["0.0.0.0:80", "9109", 9109]),
        (("FileModel", "discover"), Discovery, ["30d", {"at_most": 3}], ["soon", 30, {"at_mots": 3}]),
        (("FileModel", "roster"), Files, ["a.csv", ["a.csv"]], [7, [7]]),
        (("ProviderModel", "token"), Token, ["${A}", "${A:-}", "${file:a/b}"], ["abc", "", "x${A}", "${A:-b}", 5]),
        (("ProviderModel", "base_url"), BaseUrl, ["https://api.tikhub.dev/"], ["https://a:b@api.tikhub.dev", "api"]),
        (("AccountModel", "cookie"), Cookie, ["", "${A}"], ["sessionid=1", "${A", "${A:-b}"]),
        (("BudgetModel", "day"), Usd, [25, 0.5, "0.50"], [0, -1, "much"]),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_written_is_taken_and_refused_by_both(path, alias, taken, refused):
    model, key = MODELS[path[0]], path[1]
    alias = alias or model.__annotations__[key]
    for value in taken:
        assert check(*path).is_valid(value), value
    for value in refused:
        assert not check(*path).is_valid(value), value
    if not isinstance(alias, str):
        assert [takes(alias, value) for value in [*taken, *refused]] == [True] * len(taken) + [False] * len(refused)
