"""Each command as a user runs it: the console script in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from daemon.providers import ENDPOINTS
from daemon.simulator.world import FAULTS, SCENARIOS
from tests.commands import creatorwatch, environment, on_terminal
from tests.running import CREATORWATCH

EXAMPLE = Path(__file__).parents[2] / "rules.example.yaml"
OPERATIONS = EXAMPLE.parent / "docs" / "operations.md"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;m]")
CREATOR = "/api/v1/tiktok/analytics/fetch_creator_info_and_milestones"

COMMANDS = [
    *("run", "check", "reload", "schema", "test", "backtest", "route-test", "endpoints", "fetch"),
    *("plan", "spending", "simulate", "status", "alerts", "explain", "preview", "deliveries", "notify-test"),
    *("silence", "silences", "ack", "audit", "trust"),
]

WRONG = """\
listen: 0.0.0.0:1
accounts:
  - platform: tiktok
    id: ana
    colour: red
rules:
  - name: points
    on: account
    when: violation_scor > 3
"""


def until(found, seconds=60):
    """The first true answer of ``found``."""
    deadline_s = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A folder in which a daemon has watched the simulator until its first message."""
    folder = tmp_path_factory.mktemp("watched")
    soon = (
        EXAMPLE.read_text()
        .replace("127.0.0.1:9109", "127.0.0.1:0")
        .replace("violation_score >= 9", "violation_score >= 6")
        .partition("  # --- to try:")[0]
    )
    (folder / "rules.yaml").write_text(soon)
    out = folder / "out"
    with (
        out.open("w") as stdout,
        subprocess.Popen([CREATORWATCH, "run"], cwd=folder, env=environment(), stdout=stdout) as daemon,
    ):
        try:
            until(lambda: "WARNING" in out.read_text())
            until(lambda: '"waiting": 0' in creatorwatch("status", "--json", cwd=folder).stdout)
        finally:
            daemon.terminate()
    return folder


# --- help, and what is no command -----------------------------------------------------------------------------------


def test_help_names_every_command_and_the_exit_codes(tmp_path):
    done = creatorwatch("--help", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"(?m)^│ (\w[\w-]*)  ", done.stdout) == COMMANDS
    assert "Exit codes: 0 all is well" in done.stdout


def test_the_operations_manual_has_a_row_for_every_command():
    rows = re.findall(r"(?m)^\| `creatorwatch ([\w-]+)[^`]*` \|", OPERATIONS.read_text())
    assert sorted(rows) == sorted(COMMANDS)


def test_no_command_shows_the_help(tmp_path):
    assert "Usage: creatorwatch" in creatorwatch(cwd=tmp_path).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_of_its_own(command, tmp_path):
    done = creatorwatch(command, "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert f"Usage: creatorwatch {command}" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["watch"], ["check", "--strict"], ["alerts", "--limit", "0"], ["run", "--log-level", "loud"]]
)
def test_a_command_or_option_that_does_not_exist_is_exit_code_2(arguments, tmp_path):
    done = creatorwatch(*arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[-1] in done.stderr or "--limit" in done.stderr


def test_the_schema_is_printed_as_the_documents_have_it(tmp_path):
    done = creatorwatch("schema", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (EXAMPLE.parent / "docs" / "rules.schema.json").read_text()


# --- check ----------------------------------------------------------------------------------------------------------


def test_the_example_has_no_faults_and_check_says_what_is_off(tmp_path):
    done = creatorwatch("check", str(EXAMPLE), cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    first, *notes = done.stdout.splitlines()
    assert re.fullmatch(re.escape(str(EXAMPLE)) + r": 6 targets, \d+ rules, nothing wrong", first)
    assert "note: tikhub is off: the environment variable TIKHUB_TOKEN is not set" in notes


def test_every_fault_is_said_with_its_line_and_column(tmp_path):
    (tmp_path / "wrong.yaml").write_text(WRONG)
    done = creatorwatch("check", "wrong.yaml", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert re.findall(r"(?m)^wrong\.yaml:(\d+):(\d+): (\w+ \w+)", done.stderr) == [
        ("1", "9", "only loopback"),
        ("5", "5", "unknown key"),
        ("9", "11", "unknown metric"),
    ]
    assert len(done.stderr.splitlines()) == 3


@pytest.mark.parametrize(("text", "code", "places"), [(WRONG, 2, [(1, 9), (5, 5), (9, 11)]), ("{}", 0, [])])
def test_check_gives_the_same_faults_as_json(text, code, places, tmp_path):
    (tmp_path / "rules.yaml").write_text(text)
    done = creatorwatch("check", "--json", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (code, "")
    faults = json.loads(done.stdout)
    assert [(fault["line"], fault["column"]) for fault in faults] == places
    assert {fault["file"] for fault in faults} == ({"rules.yaml"} if places else set())


def test_a_fault_of_a_roster_is_said_with_the_name_of_the_roster(tmp_path):
    (tmp_path / "rules.yaml").write_text("roster: people.csv\n")
    (tmp_path / "people.csv").write_text("platform,id,uid\ntiktok,ana,1\ntiktok,leo,none\n")
    done = creatorwatch("check", "--json", cwd=tmp_path)

    assert done.returncode == 2
    assert [(fault["file"], fault["line"]) for fault in json.loads(done.stdout)] == [("people.csv", 3)]


@pytest.mark.parametrize(
    "command", ["run", "check", "status", "alerts", "plan", "spending", "trust views", "fetch canary tikhub --file"]
)
def test_no_command_starts_with_a_configuration_that_is_wrong(command, tmp_path):
    (tmp_path / "wrong.yaml").write_text(WRONG)
    done = creatorwatch(*command.split(), "wrong.yaml", cwd=tmp_path)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


def test_the_file_may_be_named_by_the_environment(tmp_path):
    assert creatorwatch("check", cwd=tmp_path, CREATORWATCH_RULES=str(EXAMPLE)).returncode == 0
    assert creatorwatch("check", cwd=tmp_path).stderr == "rules.yaml:1:1: there is no such file\n"


# --- endpoints ------------------------------------------------------------------------------------------------------


def needs_of(endpoint):
    any_of = " or ".join(sorted(endpoint.any_of))
    return ", ".join([*sorted(endpoint.needs), *filter(None, [any_of])]) or "nothing"


def test_endpoints_lists_all_with_cost_needs_series_unit_and_meaning(tmp_path):
    done = creatorwatch("endpoints", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\nendpoints: {len(ENDPOINTS)}\n")
    for endpoint in ENDPOINTS.values():
        assert f"{endpoint.name}  {endpoint.provider} {endpoint.method} {endpoint.path}\n" in done.stdout
        assert f"; needs {needs_of(endpoint)}\n" in done.stdout
        assert f"{endpoint.cost_usd} USD a call, {endpoint.cadence}; {endpoint.freshness}\n" in done.stdout
        for metric in endpoint.metrics:
            assert re.search(
                rf"{metric.name}(\{{[^}}]+\}})? +{metric.unit} +{re.escape(metric.meaning)} *\n", done.stdout
            )
    assert "None" not in done.stdout


def test_endpoints_are_the_same_in_json(tmp_path):
    listed = {each["name"]: each for each in json.loads(creatorwatch("endpoints", "--json", cwd=tmp_path).stdout)}

    assert listed.keys() == ENDPOINTS.keys()
    for name, endpoint in ENDPOINTS.items():
        assert listed[name]["cost_usd"] == str(endpoint.cost_usd)
        assert listed[name]["any_of"] == sorted(endpoint.any_of)
        assert (listed[name]["vital"], listed[name]["lists_videos"]) == (
            endpoint.vital,
            endpoint.lists_videos is not None,
        )
        assert [(each["metric"], each["unit"], each["meaning"]) for each in listed[name]["series"]] == [
            (metric.name, metric.unit, metric.meaning) for metric in endpoint.metrics
        ]


def test_endpoints_can_be_chosen_by_a_part_of_their_name_and_by_platform(tmp_path):
    def names(*arguments):
        return {
            each["name"] for each in json.loads(creatorwatch("endpoints", "--json", *arguments, cwd=tmp_path).stdout)
        }

    assert names("fetch_item") == {name for name in ENDPOINTS if "fetch_item" in name}
    assert names("--platform", "douyin") == {name for name, each in ENDPOINTS.items() if each.platform == "douyin"}
    assert names("profile", "--platform", "tiktok") == {"tiktok_handler_user_profile"}
    assert names("fetch_item_list", "--platform", "tiktok") == set()


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["fetch_itm_list"], "fetch_item_list"), (["--platform", "tictok"], "tiktok")]
)
def test_an_endpoint_or_platform_that_does_not_exist_is_exit_code_2(arguments, meant, tmp_path):
    done = creatorwatch("endpoints", *arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"did you mean `{meant}`?" in " ".join(done.stderr.replace("│", " ").split())


# --- simulate -------------------------------------------------------------------------------------------------------


def test_the_simulator_answers_until_ctrl_c_and_plays_the_faults_it_was_given(tmp_path):
    out, err = tmp_path / "out", tmp_path / "err"
    command = [CREATORWATCH, "simulate", "--port", "0", "--scenario", "7=private", "--fault", "9=balance-402"]
    command += ["--handle", "mei.eats=7", "--handle", "leo=9"]
    with (
        out.open("w") as stdout,
        err.open("w") as stderr,
        subprocess.Popen(command, env=environment(), stdout=stdout, stderr=stderr) as simulator,
    ):
        try:
            url = until(lambda: re.search(r"http://127\.0\.0\.1:\d+", out.read_text()))[0]
            key = {"Authorization": "Bearer any"}
            with httpx.Client(base_url=url, headers=key, trust_env=False) as client:
                found = {user: client.get(CREATOR, params={"user_id": user}) for user in ("7", "8", "9")}
        finally:
            simulator.send_signal(signal.SIGINT)
    assert (simulator.returncode, err.read_text()) == (0, "")
    assert "stop: Ctrl-C" in out.read_text()
    assert [answer.status_code for answer in found.values()] == [200, 200, 402]
    assert found["7"].json()["data"]["creator_info"]["unique_id"] == "mei.eats"
    followers = [found[user].json()["data"]["creator_info"]["follower_count"] for user in ("7", "8")]
    assert followers[0] == 0 < followers[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "ana=calmm"], "did you mean `calm`?"),
        (["--scenario", "calm"], "two names with = between"),
        (["--handle", "mei="], "two names with = between"),
        (["--fault", "*=explode"], "unknown name `explode`"),
        (["--speed", "0"], "--speed"),
        (["--port", "65536"], "--port"),
    ],
)
def test_a_scenario_fault_speed_or_port_that_cannot_be_is_exit_code_2(arguments, words, tmp_path):
    done = creatorwatch("simulate", *arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_the_simulator_lists_its_scenarios_and_faults_and_serves_nothing(tmp_path):
    done = creatorwatch("simulate", "--list", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    for name, meaning in {**{name: each.meaning for name, each in SCENARIOS.items()}, **FAULTS}.items():
        assert re.search(rf"(?m)^ +{name} +{re.escape(meaning)} *$", done.stdout)


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = creatorwatch("simulate", "--port", str(taken.getsockname()[1]), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"creatorwatch: .*in use.*\n", done.stderr)


# --- status and alerts ----------------------------------------------------------------------------------------------


def test_status_counts_the_polls_the_alerts_and_the_messages(watched):
    shown = creatorwatch("status", cwd=watched)
    facts = json.loads(creatorwatch("status", "--json", cwd=watched).stdout)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(r"(?m)^ +get_account_health_status +2 +\w", shown.stdout)
    assert "alerts open: 1; messages waiting: 0, given up: 0; database: 0." in shown.stdout
    assert {"get_account_health_status", "detect_fake_views"} <= facts["polls"].keys() <= ENDPOINTS.keys()
    assert facts["alerts"] == [{"rule": "violation-points", "level": 1, "count": 1}]
    assert facts["outbox"] == {"waiting": 0, "oldest": None, "dead": 0}
    assert (facts["failing"], facts["doubted"]) == ([], [])
    assert re.search(r"(?m)^ +tikhub +0\.\d{4} +0\.\d{4} +25 a day, 500 a month", shown.stdout)
    assert 0 < float(facts["spent"]["tikhub"]["day_usd"]) <= float(facts["spent"]["tikhub"]["month_usd"])
    assert facts["spent"]["tikhub"]["budget"] == {"day_usd": "25", "month_usd": "500"}


def test_alerts_lists_what_is_open_and_to_whom_it_was_told(watched):
    shown = creatorwatch("alerts", cwd=watched)
    (alert,) = json.loads(creatorwatch("alerts", "--json", cwd=watched).stdout)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(r"(?m)^ +1 +warned +warning +violation-points +Mei's Kitchen +\d+ s *$", shown.stdout)
    assert {name: alert[name] for name in ("rule", "target", "level", "severity", "closed", "told")} == {
        "rule": "violation-points",
        "target": "tiktok/account/mei-kitchen",
        "level": "warned",
        "severity": "warning",
        "closed": None,
        "told": {"managers": 1},
    }


@pytest.mark.parametrize("command", ["status", "alerts", "spending", "trust views"])
def test_a_database_that_is_not_there_yet_is_said_so_and_not_made(command, tmp_path):
    shutil.copy(EXAMPLE, tmp_path / "rules.yaml")
    done = creatorwatch(*command.split(), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "creatorwatch: creatorwatch.db: there is no database yet; `creatorwatch run` makes it\n"
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]


def test_a_file_that_is_no_database_of_ours_is_refused_and_kept(tmp_path):
    shutil.copy(EXAMPLE, tmp_path / "rules.yaml")
    (tmp_path / "creatorwatch-simulated.db").write_text("a diary, and no database at all\n" * 40)
    done = creatorwatch("alerts", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"creatorwatch: creatorwatch-simulated\.db: .+\n", done.stderr)
    assert (tmp_path / "creatorwatch-simulated.db").read_text().startswith("a diary")


# --- colour ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["endpoints"], ["status"], ["alerts"], ["watch"]], ids=" ".join)
def test_in_a_pipe_nothing_is_coloured(arguments, watched):
    done = creatorwatch(*arguments, cwd=watched, TERM="xterm")

    assert done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_on_a_terminal_the_level_of_an_alert_is_coloured(watched):
    assert "\x1b[33mwarned\x1b[0m" in on_terminal("alerts", cwd=watched)


def test_on_a_terminal_a_complaint_is_red(tmp_path):
    (tmp_path / "rules.yaml").write_text("{}")
    assert on_terminal("status", cwd=tmp_path).startswith("\x1b[31mcreatorwatch: ")


@pytest.mark.parametrize("arguments", [["--help"], ["alerts"], ["watch"]], ids=" ".join)
def test_no_color_is_respected_on_a_terminal(arguments, watched):
    shown = on_terminal(*arguments, cwd=watched, NO_COLOR="1")

    assert shown
    assert not COLOUR.search(shown)


def test_no_color_is_respected_by_complaints(tmp_path):
    (tmp_path / "rules.yaml").write_text("{}")
    assert on_terminal("status", cwd=tmp_path, NO_COLOR="1").startswith("creatorwatch: ")
