"""The words are kept true: every block of the documents is loaded, run or looked up (CONTRIBUTING.md has the marks)."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from daemon.config import Config, load
from daemon.config_models import (
    AccountModel,
    BudgetModel,
    ChannelModel,
    DiscoverModel,
    EndpointModel,
    FileModel,
    GuardModel,
    LinksModel,
    OverridesModel,
    ProviderModel,
    TemplateModel,
    VideoModel,
)
from daemon.metrics import Metrics, SeriesNow, Totals
from daemon.providers import ENDPOINTS, METRICS
from daemon.route_models import (
    DelegationModel,
    DigestModel,
    MaintenanceModel,
    QuietModel,
    RouteModel,
    SpanModel,
    TimesModel,
)
from rules import cohorts, functions
from rules.book import RuleBook
from rules.building import build_book
from rules.durations import parse_duration
from rules.expression import Expression, Options, compile_condition
from rules.grammar import Call, parse
from rules.models import FlappingModel, LevelModel, PromoteModel, RuleModel
from rules.trees import inside
from rules.values import Subject, Target, Window
from tests.recorded import READ, read_sample

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLE = ROOT / "rules.example.yaml"
FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT_S = AT.timestamp()


@dataclass(frozen=True)
class Block:
    document: Path
    line: int
    language: str
    info: str
    text: str

    def __str__(self):
        return f"{self.document.name}:{self.line}"


def blocks(document):
    text = document.read_text()
    for match in FENCE.finditer(text):
        yield Block(document, text.count("\n", 0, match.start()) + 1, match[1], match[2] or "", match[3])


ALL_BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]


def each(language, info=""):
    chosen = [block for block in ALL_BLOCKS if block.language == language and block.info == info]
    return pytest.mark.parametrize("block", chosen, ids=str)


def prose(document):
    return FENCE.sub("", document.read_text())


def named(model):
    return {field.alias or name for name, field in model.model_fields.items()}


# --- configuration ----------------------------------------------------------------------------------------------

IN_SECTIONS = {ProviderModel: "providers", BudgetModel: "budget", EndpointModel: "endpoints", ChannelModel: "channels"}
IN_SECTIONS |= {TemplateModel: "templates"}
OF_RULES = (RuleModel, LevelModel, FlappingModel, PromoteModel)
OF_TELLING = (TimesModel, SpanModel, RouteModel, QuietModel, DigestModel, MaintenanceModel, DelegationModel)
MODELS = (
    *(FileModel, *IN_SECTIONS, AccountModel, DiscoverModel, VideoModel, GuardModel, OverridesModel, LinksModel),
    *OF_RULES,
    *OF_TELLING,
)
CHANNELS = 'channels: {console: {url: "console://"}, managers: {url: "console://"}, operators: {url: "console://"}}\n'
ENV = {"MANAGERS_URL": "console://", "OPERATORS_URL": "console://", "SMTP_PASSWORD": "not-a-real-one"}


def whole_file(text):
    """What a block stands for as a file, by its first line."""
    mark, _, body = text.partition("\n")
    if mark == "# a rule":
        return f"{CHANNELS}rules:\n{body}"
    if mark == "# part of a file":
        return body if "channels" in yaml.safe_load(body) else CHANNELS + body
    assert mark.startswith("# a whole file"), f"unmarked block: {mark}"
    return text


@each("yaml")
def test_a_block_of_yaml_loads_unless_it_says_that_it_has_a_mistake(block, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(whole_file(block.text))
    for table in (each for each in ALL_BLOCKS if each.language == "csv"):
        (tmp_path / f"{table.info}.csv").write_text(table.text)
    loaded = load(path, ENV, METRICS, ENDPOINTS)
    assert isinstance(loaded, list) == block.text.startswith("# a whole file with a mistake"), loaded


def test_the_example_file_loads_and_every_key_occurs_in_it():
    loaded = load(EXAMPLE, {}, METRICS, ENDPOINTS)
    assert isinstance(loaded, Config)
    tree = yaml.load(EXAMPLE.read_text(), yaml.BaseLoader)
    levels = [level for rule in tree["rules"] for level in rule.get("levels", {}).values() if isinstance(level, dict)]
    entries = {
        FileModel: [tree, {"roster"}],  # a file that a fresh copy of the example would have to bring with it
        **{model: tree[section].values() for model, section in IN_SECTIONS.items()},
        TemplateModel: [*tree["templates"].values(), {"file"}],  # as a roster
        AccountModel: tree["accounts"],
        DiscoverModel: [account.get("discover", ()) for account in tree["accounts"]],
        VideoModel: tree["videos"],
        GuardModel: [tree["guard"]],
        LinksModel: [tree["links"]],
        OverridesModel: [tree["overrides"]],
        RuleModel: tree["rules"],
        LevelModel: levels,
        FlappingModel: [rule["flapping"] for rule in tree["rules"] if "flapping" in rule],
        PromoteModel: [rule["promote"] for rule in tree["rules"] if "promote" in rule],
        TimesModel: tree["times"].values(),
        SpanModel: [span for times in tree["times"].values() for span in times.get("spans", ())],
        RouteModel: tree["routes"],
        QuietModel: [route["quiet"] for route in tree["routes"] if "quiet" in route],
        DigestModel: [route["digest"] for route in tree["routes"] if "digest" in route],
        MaintenanceModel: tree["maintenance"],
        DelegationModel: tree["delegations"],
    }
    for model in MODELS:
        assert named(model) - {key for entry in entries[model] for key in entry} == set(), model


@pytest.mark.parametrize("model", MODELS)
def test_the_reference_has_every_key_of_a_model(model):
    name = "rules.md" if model in OF_RULES else "telling.md" if model in OF_TELLING else "configuration.md"
    reference = ROOT / "docs" / name
    assert named(model) - set(re.findall(r"^\| `(\w+)`", reference.read_text(), re.MULTILINE)) == set()


def needs_of(endpoint):
    return ", ".join(sorted(endpoint.needs)) or " or ".join(sorted(endpoint.any_of)) or "nothing"


def test_the_table_of_endpoints_is_the_truth():
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]* \| [^|]* \| [^|]* \| [\d.]+ \| [^|]*) \|$", text, re.MULTILINE))
    assert rows == {
        name: f"{f'{each.platform or str()} {each.subject}'.strip()} | {needs_of(each)} | {each.cadence} "
        f"| {each.cost_usd} | {each.freshness}"
        for name, each in ENDPOINTS.items()
    }


# --- the examples of the rule language --------------------------------------------------------------------------


def number(text, before):
    if text == "?":
        return float("nan")
    if text.endswith(" ago"):
        return AT_S - ago_s(text)
    if text.startswith("in "):
        return AT_S + parse_duration(text[3:]).total_seconds()
    if text.startswith("+"):
        return before + float(text)
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def ago_s(text):
    return 0.0 if text == "now" else parse_duration(text.removesuffix(" ago")).total_seconds()


def add_sample(window, text):
    steady = re.fullmatch(r"from (\w+ ago)(?: to (\w+ ago))? \+(\d+) each (\w+)", text)
    if steady:
        start_s, step_s = ago_s(steady[1]), parse_duration(steady[4]).total_seconds()
        first = window.values[-1] if window.times_s else 10_000
        for step in range(int((start_s - ago_s(steady[2] or "now")) / step_s)):
            window.add(AT_S - start_s + step * step_s, first + step * float(steady[3]))
        return
    when, value = re.fullmatch(r"(now|\w+ ago) (.+)", text).groups()
    if value == "failed":
        window.blind = True
    else:
        window.add(AT_S - ago_s(when), number(value, window.values[-1] if window.times_s else 0.0))


def add_series(view, line):
    name, labels, every, samples = re.fullmatch(r"(\w+)(?:\{(.*)\})?(?:, every (\w+))?: (.*)", line).groups()
    pairs = tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))
    window = Window(fresh_for_s=3 * parse_duration(every).total_seconds() if every else float("inf"))
    for sample in samples.split(", "):
        add_sample(window, sample)
    view.setdefault(name, {})[pairs] = window


def trimmed(window, depth_s):
    """What the daemon keeps of a window so deep."""
    kept = Window(zip(window.times_s, window.values, strict=True), window.fresh_for_s)
    kept.blind = window.blind
    kept.forget(max(window.times_s, default=0.0) - depth_s)
    return kept


@dataclass
class Given:
    """What an example says before its expressions."""

    view: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)

    def add(self, line):
        key, _, text = line.partition(": ")
        if key.startswith("define "):
            self.names[key.removeprefix("define ")] = parse(text)
        elif " at " in key:
            self.add_ages(key, [float(number) for number in text.split()])
        elif f"{key}_s" in Options.__dataclass_fields__:
            self.options[f"{key}_s"] = parse_duration(text).total_seconds()
        else:
            add_series(self.view, line)

    def add_ages(self, key, numbers):
        """What a video, or others, had at an age: as the daemon writes it down."""
        metric, others, age = re.fullmatch(r"(\w+)( of others)? at (\w+)", key).groups()
        age_s = parse_duration(age).total_seconds()
        if others:
            self.view[cohorts.peers(metric)] = {cohorts.at(age_s): Window(enumerate(numbers))}
        else:
            self.view[cohorts.own(metric)] = {(): Window((age_s, number) for number in numbers)}

    def truths(self, text):
        """What a condition comes to; by all of the past it comes to what it does by as much as is kept for it."""
        compiled = compile_condition(text, METRICS, self.names, Options(**self.options))
        if not isinstance(compiled, Expression):
            return None
        depths = {need.metric: need.depth_s for need in compiled.needs}
        kept = {
            metric: {key: trimmed(window, depths.get(metric, float("inf"))) for key, window in windows.items()}
            for metric, windows in self.view.items()
        }
        assert compiled.truths(kept, AT_S) == compiled.truths(self.view, AT_S), text
        return compiled.truths(kept, AT_S)

    def about(self, text, value):
        """Whether an expression that is no condition comes to ``value``."""
        if value == "unknown":
            return {(): None} in [self.truths(f"({text}) == {nothing}") for nothing in ("0", "0s")]
        near = "<= 0.005%" if value.endswith("%") else "<= 0.005" if re.fullmatch(r"-?[\d.]+", value) else "< 1s"
        return self.truths(f"abs(({text}) - {value}) {near}") == {(): True}


def said(found):
    words = {True: "true", False: "false", None: "unknown"}
    return {" ".join([*(value for _, value in labels), words[truth]]) for labels, truth in found.items()}


@each("example")
def test_an_example_comes_to_what_it_says(block):
    given, expressions = Given(), 0
    for line in block.text.splitlines():
        text, arrow, value = line.partition(" -> ")
        if not arrow:
            given.add(line)
            continue
        expressions += 1
        found = given.truths(text)
        assert said(found) == set(value.split(", ")) if found else given.about(text, value), line
    assert expressions


@each("refused")
def test_a_refused_expression_is_refused_in_these_words_at_this_column(block):
    text, message = block.text.splitlines()
    problems = compile_condition(text, METRICS)
    assert [f"1:{problem.offset + 1}: {problem.text}" for problem in problems] == [message]


@each("refused", "account")
def test_a_rule_on_something_else_than_it_reads_is_refused_in_these_words_at_this_column(block):
    text, message = block.text.splitlines()
    faults = build_book([RuleModel(name="a", on="account", when=text)], METRICS, [])
    assert not isinstance(faults, RuleBook)
    assert [f"1:{fault.offset + 1}: {fault.text}" for fault in faults] == [message]


@each("refused", "summary")
def test_a_refused_summary_is_refused_in_these_words(block):
    summary, message = block.text.splitlines()
    rule = RuleModel(name="a", on="account", when="violation_score > 9", summary=summary)
    faults = build_book([rule], METRICS, [])
    assert not isinstance(faults, RuleBook)
    assert [fault.text for fault in faults] == [message]


def calls(tree):
    own = {(tree.function, len(tree.arguments))} if isinstance(tree, Call) else set()
    return own.union(*map(calls, inside(tree)))


def test_every_form_of_every_function_has_an_example():
    lines = [line for block in ALL_BLOCKS if block.language == "example" for line in block.text.splitlines()]
    shown = set().union(*(calls(parse(line.partition(" -> ")[0])) for line in lines if " -> " in line))
    assert shown == functions.FORMS.keys()
    assert {name for name, _ in shown} == functions.NAMES


def test_every_function_occurs_in_the_example_file():
    book = load(EXAMPLE, {}, METRICS, ENDPOINTS).book
    conditions = [level.when.text for rule in book.rules for level in rule.levels]
    conditions += [rule.clear.text for rule in book.rules if rule.clear]
    used = {name for text in conditions for name, _ in calls(parse(text))}
    assert functions.NAMES - used == set()


# --- commands ---------------------------------------------------------------------------------------------------

EXECUTED = {"creatorwatch", "cp", "sed"}
STAYING = {"run", "simulate"}  # until they are stopped: once they have said what the document says, they are


def masked(text):
    return re.sub(r"\d+", "#", text.rstrip())


def environment():
    return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def commands(block):
    """(command, its exit code, the lines it prints) for each prompt of a block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        first, *output = part.splitlines()
        command, code = re.fullmatch(r"(.*?)(?:\s+# exits with (\d))?", first).groups()
        yield shlex.split(command), int(code or 0), [line.rstrip() for line in output if line.strip()]


def on_a_free_port(path):
    text = re.sub(r"^listen: .*$", "", path.read_text(), flags=re.MULTILINE)
    path.write_text(f"{text}\nlisten: 127.0.0.1:0\n")


def stopped_after(command, wanted, folder):
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    limit = threading.Timer(30, process.kill)
    limit.start()
    printed = set()
    for line in process.stdout:
        printed.add(masked(line))
        if {*wanted, "stop: Ctrl-C"} <= printed:
            process.send_signal(signal.SIGINT)
            break
    process.communicate()
    limit.cancel()
    return process.returncode, printed


def outcome(command, code, output, folder):
    """(exit code, the lines of ``output`` that were not printed)."""
    if not code and command[0] == "creatorwatch" and command[1] in STAYING:
        if command[1] == "run":
            on_a_free_port(folder / command[2])
        wanted = {masked(line) for line in output}
        exited, printed = stopped_after(command, wanted, folder)
        return exited, wanted - printed
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, set(output) - {line.rstrip() for line in (done.stdout + done.stderr).splitlines()}


TOLD = [document for document in DOCUMENTS if any(block.language == "console" for block in blocks(document))]


@pytest.mark.parametrize("document", TOLD, ids=lambda document: document.name)
def test_the_commands_of_a_document_exit_and_print_as_it_says(document, tmp_path):
    shutil.copy(EXAMPLE, tmp_path)
    executed = 0
    for block in blocks(document):
        mark = re.match(r"# a whole file.*: (\S+)\n", block.text)
        if block.language == "yaml" and mark:
            (tmp_path / mark[1]).write_text(block.text)
        for command, code, output in commands(block) if block.language == "console" else ():
            executed += 1
            assert command[0] in EXECUTED, f"{block}: {command[0]} stands in a block that is executed"
            assert outcome(command, code, output, tmp_path) == (code, set()), f"{block}: {command}"
    assert executed


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"(?:`|^\$? ?|&& )make ([a-z-]+)", document.read_text(), re.MULTILINE)
    }
    assert wanted - targets == set()
    assert {"run", "test"} <= wanted


def test_what_the_readme_shows_of_the_example_is_in_the_example():
    shown = re.findall(r"^ +(?:Condition|Means): (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    book = load(EXAMPLE, {}, METRICS, ENDPOINTS).book
    walked = yaml.safe_load(next(block.text for block in ALL_BLOCKS if "mine.yaml" in block.text))["rules"][0]
    known = {words for rule in book.rules for level in rule.levels for words in (level.when.text, level.effect)}
    assert set(shown) - known - {walked["when"].replace("folower", "follower"), walked["effect"]} == set()
    assert shown


# --- names ------------------------------------------------------------------------------------------------------


def exported():
    target = Target("tiktok/account/a", "account", "a", "tiktok")
    now = [SeriesNow(target, metric, (), 1.0) for metric in METRICS.values()]
    metrics = Metrics(lambda: now, lambda: Totals(0, 0.0, 0, {}, 0), "1", "2")
    page = metrics.render("")[0].decode()
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))


def test_every_exported_name_in_the_documents_exists_and_the_daemons_own_are_all_explained():
    kinds = exported()
    exist = kinds.keys() | {f"{name}_{part}" for name in kinds for part in ("bucket", "count", "sum")}
    used = {name for document in DOCUMENTS for name in re.findall(r"\bcreatorwatch_\w*\w", document.read_text())}
    assert used - exist == set()
    own = {name for name in kinds if not re.match(rf"creatorwatch_({'|'.join(Subject)})_", name)}
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert own - set(re.findall(r"^\| `(creatorwatch_\w+)`", operations, re.MULTILINE)) == set()


def test_every_file_that_is_named_exists_and_the_architecture_names_every_module():
    spans = {(document, name) for document in DOCUMENTS for name in re.findall(r"`([\w./-]+)`", prose(document))}
    paths = {name for _, name in spans if re.match(r"(rules|storage|daemon|deploy|docs|tests)/", name)}
    assert {name for name in paths if not (ROOT / name).exists()} == set()
    modules = {
        str(path.relative_to(ROOT))
        for package in ("rules", "storage", "daemon")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py" and path.parent.name != "versions"
    }
    assert modules - {name for document, name in spans if document.name == "architecture.md"} == set()


def test_every_code_word_in_the_documents_occurs_in_the_source():
    files = [path for package in ("rules", "storage", "daemon", "deploy") for path in (ROOT / package).rglob("*.*")]
    texts = [path for path in files if path.suffix not in {".pyc", ".db", ".ttf"}]
    sources = [*texts, ROOT / "pyproject.toml", EXAMPLE]
    known = set(re.findall(r"\w+", "\n".join(path.read_text() for path in sources))) | exported().keys()
    known |= {record.kind for sample in READ for record in read_sample(sample).records}
    used = {
        word
        for document in DOCUMENTS
        for span in re.findall(r"`([^`\n/]+)`", prose(document))
        for word in re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", span)
    }
    assert used - known == set()


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_link_leads_to_a_file_and_a_heading_that_exist(document):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if link.startswith("https://"):
            continue
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if anchor and target.exists() else []
        if not target.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(link)
    assert broken == []
