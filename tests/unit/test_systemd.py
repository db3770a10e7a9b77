from __future__ import annotations

import os
import socket
import threading

import pytest

from daemon import systemd


@pytest.fixture
def manager(tmp_path):
    """The socket at which systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(1)
        yield listener


@pytest.mark.parametrize(
    ("tell", "datagram"),
    [
        (systemd.ready, b"READY=1"),
        (systemd.stopping, b"STOPPING=1"),
        (systemd.watchdog, b"WATCHDOG=1"),
        (lambda env: systemd.status("3 accounts, \u76f4\u64ad", env), "STATUS=3 accounts, \u76f4\u64ad".encode()),
    ],
)
def test_the_manager_hears_each_state(manager, tell, datagram):
    assert tell({"NOTIFY_SOCKET": manager.getsockname()})
    assert manager.recv(1000) == datagram


def test_a_status_of_two_lines_cannot_smuggle_in_a_field(manager):
    systemd.status("polling\nMAINPID=1", {"NOTIFY_SOCKET": manager.getsockname()})
    assert manager.recv(1000) == b"STATUS=polling MAINPID=1"


def test_an_abstract_socket_is_reached():
    name = f"creatorwatch-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.settimeout(1)
        assert systemd.ready({"NOTIFY_SOCKET": "@" + name})
        assert listener.recv(1000) == b"READY=1"


def test_outside_systemd_nothing_is_sent():
    assert not systemd.ready({})


def test_a_manager_that_is_gone_is_no_error(tmp_path):
    assert not systemd.ready({"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_a_manager_that_does_not_read_never_blocks_us(manager):
    env = {"NOTIFY_SOCKET": manager.getsockname()}
    sent = []
    sender = threading.Thread(
        target=lambda: sent.append(all(systemd.watchdog(env) for _ in range(10_000))), daemon=True
    )
    sender.start()
    sender.join(60)
    assert sent == [False], "one was not sent, and none was waited for"


@pytest.mark.parametrize(
    ("env", "interval_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks_and_only_when_it_asks_us(env, interval_s):
    assert systemd.watchdog_interval_s(env) == interval_s
