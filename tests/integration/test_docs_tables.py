"""The tables of the documents are kept true: endpoints, cadences, reasons, states, records and commands."""

from __future__ import annotations

import re
from pathlib import Path

from daemon.cli import app
from daemon.config import load
from daemon.guard import Guard
from daemon.policy import POLICY, Recipient
from daemon.providers import ENDPOINTS, HEALTH, METRICS, RECORDS
from daemon.providers.answer import Blames
from daemon.replies import Undelivered
from rules.book import OWNER
from storage.records import SENT
from tests.recorded import SAMPLE_OF, read_sample

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
STATES = {
    Blames.PROVIDER: {"endpoint_up", "provider_up", "key_accepted"},
    Blames.COOKIE: {"cookie_ok"},
    Blames.TARGET: {"visible", "video_visible", "video_state"},
}
RECORDED = {name: read_sample(sample) for name, sample in SAMPLE_OF.items()}


def read(name):
    return (ROOT / "docs" / name).read_text()


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def table(document, head):
    """The cells of the rows below a head."""
    _, _, below = read(document).partition(f"| {head} |\n")
    assert below, f"{document} has no table {head}"
    for line in below.splitlines()[1:]:
        if not line.startswith("| "):
            return
        yield line.removeprefix("| ").removesuffix(" |").split(" | ")


# --- endpoints ------------------------------------------------------------------------------------------------------


def sections():
    """(the paths that a section is about, its rows) of the reference of endpoints."""
    for section in re.split(r"^## ", read("endpoints.md"), flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", section, re.MULTILINE)
        if rows:
            paths = section.splitlines()[2]
            yield tuple(words(paths)), rows


def metric(text):
    name, labels = re.fullmatch(r"(\w+)(?:\{([\w, ]+)\})?", text).groups()
    return name, tuple(labels.split(", ")) if labels else ()


def test_the_reference_has_the_numbers_of_every_endpoint_and_those_of_its_videos():
    shown = {}
    for _, rows in sections():
        for name, numbers, _ in rows:
            own, _, of_videos = numbers.partition("of each video ")
            shown[name] = [metric(each) for each in words(own)], [metric(each) for each in words(of_videos)]
    assert shown == {
        name: (
            [(each.name, each.labels) for each in endpoint.metrics if each.subject is endpoint.subject],
            [(each.name, each.labels) for each in endpoint.metrics if each.subject is not endpoint.subject],
        )
        for name, endpoint in ENDPOINTS.items()
    }


def test_the_reference_says_what_an_answer_tells_besides_numbers():
    told = {name: set(re.findall(r"\w+", besides)) - {"none"} for _, rows in sections() for name, _, besides in rows}
    assert told == {
        name: {record.kind for record in (RECORDED[name].records if name in RECORDED else ())}
        | ({"videos"} if endpoint.lists_videos else set())
        | ({"ids"} if endpoint.tells_ids else set())
        for name, endpoint in ENDPOINTS.items()
    }


def test_an_endpoint_stands_in_the_section_of_its_path():
    strangers = [name for paths, rows in sections() for name, *_ in rows if not ENDPOINTS[name].path.startswith(paths)]
    assert strangers == []


def test_every_kind_of_record_is_known_and_explained():
    kinds = {kind for cells in table("rules.md", "kind of record | has") for kind in words(cells[0])}
    ours = {"failure", "cookie", "incident", "config"}
    assert kinds == RECORDS == ours | {record.kind for reading in RECORDED.values() for record in reading.records}


# --- when, and why not ----------------------------------------------------------------------------------------------


def test_the_table_of_cadences_has_every_endpoint_where_it_belongs():
    shown = {
        name: cadence
        for cadence, names, why in table("costs.md", "cadence | endpoints | because")
        for name in words(names)
        if why
    }
    assert shown == {name: str(endpoint.cadence) for name, endpoint in ENDPOINTS.items()}


def policies():
    head = "reason | what came | asked again | billed | state | concerns | rules of the example"
    return {words(reason)[0]: cells for reason, _, *cells in table("blindness.md", head)}


def test_the_table_of_reasons_is_the_policy():
    assert {reason: (retry, billed, concerns) for reason, (retry, billed, _, concerns, _) in policies().items()} == {
        reason.value: (policy.retry, policy.billed, policy.tells) for reason, policy in POLICY.items()
    }


def test_every_outcome_of_a_delivery_is_explained():
    outcomes = [name for first, _ in table("operations.md", "`outcome` of a delivery | means") for name in words(first)]
    assert sorted(outcomes) == sorted([SENT, *Undelivered])


def test_the_states_of_a_reason_are_those_of_whom_it_blames_and_the_example_has_rules_on_them():
    config = load(ROOT / "rules.example.yaml", {}, METRICS, ENDPOINTS)
    rules = {rule.name: rule for rule in config.book.rules}
    for reason, policy in POLICY.items():
        *_, states, _, named = policies()[reason.value]
        assert set(words(states)) <= STATES[policy.blames], reason
        assert {state for name in words(named) for state in rules[name].needs} & set(words(states)), reason
        told = {channel for name in words(named) for channel in rules[name].to}
        assert told & ({OWNER} if policy.tells is Recipient.OWNER else {"operators"}), reason


def test_the_states_of_the_daemon_are_explained_with_their_labels():
    rows = table("rules.md", "metric | about | means")
    assert {metric(words(name)[0]): about for name, about, _ in rows} == {
        (each.name, each.labels): each.subject for each in HEALTH
    }


def test_the_guard_is_described_as_it_is_set_where_nothing_is_configured():
    known = Guard()
    said = f"{known.share:.0%} of the newest looks".replace("%", " %")
    assert said in " ".join(read("blindness.md").split())
    assert f"at least {known.at_least} targets" in read("blindness.md")


# --- commands -------------------------------------------------------------------------------------------------------


def test_every_command_that_is_named_exists_and_every_one_is_named():
    exist = {each.name or each.callback.__name__.replace("_", "-") for each in app.registered_commands}
    pages = {page: page.read_text() for page in [*DOCUMENTS, ROOT / "rules.example.yaml"]}
    command = re.compile(r"(?:`|^\$ )creatorwatch ([a-z]+(?:-[a-z]+)*)", re.MULTILINE)
    named = {(name, page.name) for page, text in pages.items() for name in command.findall(text)}
    assert {(name, page) for name, page in named if name not in exist} == set()
    assert exist - {name for name, _ in named} == set()
