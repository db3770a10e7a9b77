"""`creatorwatch run` as a user or systemd starts it: a process, signals, files, HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from daemon.clock import SystemClock
from daemon.simulator.server import Simulator
from daemon.simulator.world import World
from storage.store import Store
from tests.running import CREATORWATCH, FANS, Daemon, configure, edit, until

TOKEN, COOKIE, HOOK = "tik-5ecre7-0f-7ikhub-9a1c", "violation-ladder-5e55i0n-77b2", "h00k-70ken-of-managers-31d8"
COOKIES = {name: f"sim-cookie:{name}" for name in ("COOKIE_MEI", "COOKIE_ANA", "COOKIE_XIAOYU")}
HEALTH = "/api/v1/tiktok/creator/get_account_health_status"
ALERT = re.compile(r"(?m)^\[!+\] ")


def tell_at_once(folder, *rules):
    """Let no first sight of these rules wait for others, to be told together."""
    text = (folder / "rules.yaml").read_text()
    for rule in rules:
        begin = f"\n  - name: {rule}\n"
        assert begin in text
        text = text.replace(begin, f"{begin}    on_first_sight: tell\n")
    (folder / "rules.yaml").write_text(text)


@contextmanager
def serving(simulator):
    """``simulator`` in a thread of its own; gives its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with closing(loop):
        try:
            yield asyncio.run_coroutine_threadsafe(simulator.start(), loop).result(5)
        finally:
            asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(5)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def a_provider(tokens=None):
    """A provider two days into everybody's story."""
    clock = SystemClock()
    return Simulator(World(started=clock.now() - timedelta(days=2)), clock.now, tokens=tokens)


# --- one life without a key, under systemd's eyes ---------------------------------------------------------------------


@dataclass
class Story:
    """What was seen of one daemon, from its start to its end."""

    out: str
    err: str
    ready_s: float
    alert_s: float
    pages: dict[str, httpx.Response]
    notices: list[str]
    code: int
    stop_s: float


@contextmanager
def listening(path):
    """What a service says to systemd at ``path``, up to STOPPING=1; that it never says so is a failure."""
    notices = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(60)
        thread = threading.Thread(target=lambda: notices.extend(iter(lambda: systemd.recv(99).decode(), "STOPPING=1")))
        thread.start()
        try:
            yield notices
        finally:
            thread.join()


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    configure(folder)
    with listening(folder / "notify") as notices:
        began_s = time.monotonic()
        daemon = Daemon(folder, NOTIFY_SOCKET=str(folder / "notify"), WATCHDOG_USEC="1000000")
        try:
            until(lambda: notices)
            ready_s = time.monotonic() - began_s
            until(lambda: ALERT.search(daemon.out))
            alert_s = time.monotonic() - began_s
            pages = {path: daemon.get(path) for path in ("/metrics", "/healthz", "/readyz")}
            code, stop_s = daemon.stop()
        finally:
            daemon.process.kill()
    return Story(daemon.out, daemon.err, ready_s, alert_s, pages, notices, code, stop_s)


def test_without_a_key_the_first_alert_is_shown_within_30_seconds(story):
    assert story.alert_s < 30
    assert re.search(r"(?m)^\[!\] .*Mei's Kitchen has 9 violation points\n    Level: none → warned\n", story.out)


def test_the_greeting_says_that_all_is_simulated_where_the_numbers_are_and_how_to_stop(story):
    simulated, watched, where, stop = story.out.splitlines()[:4]
    assert "SIMULATED" in simulated
    assert re.fullmatch(r"watching 4 accounts and 2 videos by \d+ rules", watched)
    assert re.search(r"http://127\.0\.0\.1:\d+/metrics .* http://127\.0\.0\.1:\d+/readyz", where)
    assert stop == "stop: Ctrl-C"


def test_prometheus_has_nothing_against_the_numbers(story):
    page = story.pages["/metrics"]
    checked = subprocess.run(["promtool", "check", "metrics"], input=page.content, capture_output=True, check=False)

    assert (page.status_code, checked.returncode, checked.stdout + checked.stderr) == (200, 0, b"")
    assert re.search(r"(?m)^creatorwatch_account_violation_score\{[^}]*mei-kitchen[^}]*\} 9\.0$", page.text)


def test_a_daemon_at_work_is_healthy_and_ready(story):
    assert [story.pages[path].status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert story.pages["/readyz"].json()["ticks"].keys() == {"poll", "deliver", "look", "count", "reload"}


def test_systemd_is_told_that_it_is_ready_alive_and_stopping(story):
    first, *others = story.notices
    assert first == "READY=1"
    assert set(others) == {"WATCHDOG=1"}
    assert len(others) > story.alert_s - story.ready_s  # told every half second


def test_sigterm_ends_a_daemon_at_work_within_ten_seconds_without_a_word(story):
    assert (story.code, story.err) == (0, "")
    assert story.stop_s < 10


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_a_tick_ends_it_without_a_word(number, start, tmp_path):
    configure(tmp_path)
    daemon = start().greeted()
    time.sleep(0.5)  # the first poll ticks now

    code, seconds = daemon.stop(number)
    assert (code, daemon.err) == (0, "")
    assert seconds < 10


def test_a_signal_during_the_start_ends_it_as_well(start, tmp_path):
    configure(tmp_path)
    daemon = start()
    until(lambda: [*tmp_path.glob("*.db")])

    assert (daemon.stop()[0], daemon.err) == (0, "")


def hanging(held, start, folder):
    """A daemon whose provider has taken a call and never answers."""
    folder.mkdir()
    silent = held.enter_context(socket.create_server(("127.0.0.1", 0)))
    silent.settimeout(20)
    configure(folder, tikhub=f"http://127.0.0.1:{silent.getsockname()[1]}", interval="1s")
    daemon = start(folder=folder, TIKHUB_TOKEN=TOKEN, **COOKIES)
    held.enter_context(silent.accept()[0])
    return daemon.greeted()


def test_a_provider_that_hangs_does_not_hold_up_the_end(start, tmp_path):
    with ExitStack() as held:
        daemons = {number: hanging(held, start, tmp_path / number.name) for number in (signal.SIGTERM, signal.SIGINT)}
        for number, daemon in daemons.items():
            daemon.process.send_signal(number)
        for daemon in daemons.values():
            assert daemon.process.wait(timeout=20) == 0
            assert "Traceback" not in daemon.err


def test_answers_that_are_under_way_at_the_end_are_waited_for_and_kept(start, tmp_path):
    provider = a_provider()
    provider.world.faults["*"], provider.world.slow_s = "slow", 6.0
    with serving(provider) as url:
        configure(tmp_path, tikhub=url)
        daemon = start(TIKHUB_TOKEN=TOKEN, **COOKIES).greeted()
        until(lambda: provider.calls[HEALTH])
        assert daemon.stop()[0] == 0

    with closing(Store.open(tmp_path / "creatorwatch.db", readonly=True)) as store:
        ended = [line.outcome for line in store.remembered() if line.endpoint == "get_account_health_status"]
    assert ended.count("ok") == provider.calls[HEALTH]


# --- what it refuses --------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said_in_one_line(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        configure(tmp_path, listen=address)
        daemon = start()
        assert daemon.process.wait(timeout=10) == 1
    assert daemon.out == ""
    assert re.fullmatch(f"creatorwatch: cannot listen on {address}: Address already in use.*\n", daemon.err)


def test_a_second_daemon_leaves_the_first_and_its_database_alone(start, tmp_path):
    configure(tmp_path)
    first = start().greeted()
    database = tmp_path / "creatorwatch-simulated.db"
    before = database.stat().st_ino

    second = start()
    assert second.process.wait(timeout=60) == 1
    assert second.err == f"creatorwatch: another creatorwatch is at work on {database.name}\n"
    assert database.stat().st_ino == before
    assert first.stop()[0] == 0


def test_a_database_of_another_program_is_refused_and_kept(start, tmp_path):
    configure(tmp_path)
    diary = tmp_path / "creatorwatch.db"
    diary.write_text("a diary, and no database at all\n" * 40)

    daemon = start(TIKHUB_TOKEN=TOKEN)
    assert daemon.process.wait(timeout=60) == 1
    assert re.fullmatch(r"creatorwatch: creatorwatch\.db: .+\n", daemon.err)
    assert diary.read_text().startswith("a diary")


# --- reload -----------------------------------------------------------------------------------------------------------


def test_a_file_that_is_saved_is_in_force_within_seconds(start, tmp_path):
    configure(tmp_path)
    daemon = start().greeted()
    before = config_hash(daemon)
    edit(tmp_path / "rules.yaml", "rules:\n", FANS)

    until(lambda: "rules.yaml is in force: opens " in daemon.out, seconds=20)
    assert config_hash(daemon) != before
    assert (daemon.stop()[0], daemon.err) == (0, "")


def config_hash(daemon):
    return re.findall(r'creatorwatch_config_info\{hash="(\w+)"\}', daemon.get("/metrics").text)


def test_a_hangup_makes_a_daemon_read_a_file_with_mistakes_say_them_and_go_on(start, tmp_path):
    configure(tmp_path)
    daemon = start().greeted()
    edit(tmp_path / "rules.yaml", "rules:\n", "rulez: 1\nrules:\n")
    daemon.process.send_signal(signal.SIGHUP)

    until(lambda: "unknown key `rulez`, did you mean `rules`?" in daemon.err)
    assert daemon.get("/readyz").status_code == 200
    assert (daemon.stop()[0], "in force: " in daemon.out) == (0, False)


def test_a_daemon_whose_terminal_is_gone_ends(tmp_path):
    configure(tmp_path)
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [CREATORWATCH, "run"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while b"stop: Ctrl-C" not in shown:
        shown += os.read(ours, 10_000)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    try:
        assert process.wait(timeout=20) is not None
    finally:
        process.kill()


def test_a_daemon_that_is_killed_right_after_a_reload_repeats_no_call_and_no_message(start, tmp_path, web):
    provider = a_provider()
    hook = f"json://{web.address}/"
    score = FANS.replace("follower_count > 1", "violation_score >= 0").replace(
        "summary: fans", "summary: '{name} fans', to: [managers], passes_quiet: info"
    )

    def told():
        """Titles with the ids that tell a repeat from news."""
        found = [json.loads(posted.body) for posted in web.posted]
        return {(each["title"], each["message"].rpartition("id: ")[2]) for each in found if "fans" in each["title"]}

    with serving(provider) as url:
        configure(tmp_path, tikhub=url)
        daemon = start(TIKHUB_TOKEN=TOKEN, MANAGERS_URL=hook, **COOKIES).greeted()
        until(lambda: provider.calls[HEALTH] >= 2)
        edit(tmp_path / "rules.yaml", "rules:\n", score)
        until(lambda: "rules.yaml is in force: " in daemon.out)
        daemon.stop(signal.SIGKILL)
        before = len(provider.requests)

        again = start(TIKHUB_TOKEN=TOKEN, MANAGERS_URL=hook, **COOKIES)
        until(lambda: again.out.count("stop: Ctrl-C") == 2 and len(told()) >= 2)
        assert again.stop()[0] == 0
    assert set(provider.requests[:before]).isdisjoint(provider.requests[before:])
    assert len({title for title, _ in told()}) == len(told())


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "news", "status"), [(TOKEN, "health score", 200), ("another", "refuses the key", 500)]
)
def test_no_secret_is_written_or_shown_anywhere(accepted, news, status, start, tmp_path, web):
    web.status = status
    secrets = {
        "TIKHUB_TOKEN": TOKEN,
        "COOKIE_MEI": f"sim-cookie:{COOKIE}",
        "MANAGERS_URL": f"json://{web.address}/{HOOK}",
        "OPERATORS_URL": f"json://{web.address}/{HOOK}",
    }
    with serving(a_provider(frozenset({accepted}))) as url:
        configure(tmp_path, tikhub=url, interval="1s")
        tell_at_once(tmp_path, "health-scheme-unclear", "provider-refuses")
        daemon = start("--log-level", "debug", **secrets).greeted()
        until(lambda: news in "".join(json.loads(posted.body)["title"] for posted in web.posted))
        pages = daemon.get("/metrics").text + daemon.get("/readyz").text
        assert daemon.stop()[0] == 0

    assert web.posted[0].path == f"/{HOOK}"
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert {"out", "err", "creatorwatch.db"} <= left.keys()
    for secret in (TOKEN, COOKIE, HOOK):
        assert secret not in pages
        assert [name for name, content in left.items() if secret.encode() in content] == []


# --- polls and their bill ---------------------------------------------------------------------------------------------


def test_no_poll_is_counted_twice(start, tmp_path):
    provider = a_provider()
    with serving(provider) as url:
        configure(tmp_path, tikhub=url, interval="1s")
        daemon = start(TIKHUB_TOKEN=TOKEN, **COOKIES).greeted()
        until(lambda: provider.calls[HEALTH] >= 8)
        page = daemon.get("/metrics").text
    counted = re.findall(r'(?m)^creatorwatch_polls_total\{endpoint="get_account_health_status",.*\} (\d+)', page)
    assert 0 < sum(map(int, counted)) <= provider.calls[HEALTH]


def test_a_second_run_repeats_no_poll_that_is_not_due(start, tmp_path):
    provider = a_provider()
    with serving(provider) as url:
        configure(tmp_path, tikhub=url)
        for _ in range(2):
            before = len(provider.requests)
            daemon = start(TIKHUB_TOKEN=TOKEN, **COOKIES)
            until(lambda known=before: len(provider.requests) >= known + 3)
            assert daemon.stop()[0] == 0

    assert set(provider.requests[:before]).isdisjoint(provider.requests[before:])
    assert daemon.err == ""
