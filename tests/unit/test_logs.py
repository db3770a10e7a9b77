from __future__ import annotations

import io
import json
import logging
from datetime import datetime, timedelta

import pytest
import structlog

from daemon import logs

SECRET = 'sid="7f3a"; path=/'  # the quotes are written differently in JSON


@pytest.fixture
def stream():
    """What is logged. Afterwards logging is as it was."""
    root = logging.getLogger()
    before = (root.handlers, root.level, logging.raiseExceptions)
    talkative = {name: logging.getLogger(name).level for name in logs._TALKATIVE}
    yield io.StringIO()
    root.handlers, root.level, logging.raiseExceptions = before
    for name, level in talkative.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def redact(text):
    return text.replace(SECRET, "***")


def fail():
    raise ValueError(SECRET)


@pytest.fixture
def entries(stream):
    """The JSON lines written so far."""
    logs.configure("INFO", tty=False, redact=redact, stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_off_a_terminal_a_line_is_one_json_object_with_an_utc_time(entries):
    structlog.get_logger("poll").info("polled", account="\u5c0f\u7ea2", calls=2)
    (entry,) = entries()
    assert datetime.fromisoformat(entry.pop("timestamp")).utcoffset() == timedelta(0)
    assert entry == {
        "event": "polled",
        "account": "\u5c0f\u7ea2",
        "calls": 2,
        "level": "info",
        "logger": "poll",
    }


def test_on_a_terminal_a_line_has_colours_and_no_braces(stream):
    logs.configure("INFO", tty=True, redact=redact, stream=stream)
    structlog.get_logger().info("polled", calls=2)
    assert "\x1b[" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_a_line_below_the_level_is_not_written(entries):
    structlog.get_logger().debug("noise")
    assert entries() == []


@pytest.mark.parametrize("tty", [True, False])
def test_a_known_secret_is_in_no_part_of_a_line(stream, tty):
    logs.configure("INFO", tty=tty, redact=redact, stream=stream)
    log = structlog.get_logger()
    log.info(SECRET, deep={"list": [SECRET, {SECRET: (SECRET,)}]}, error=ValueError(SECRET))
    try:
        fail()
    except ValueError:
        log.exception("failed")
        logging.getLogger("uvicorn.error").exception("failed with %s", SECRET)
    assert "7f3a" not in stream.getvalue()
    assert stream.getvalue().count("ValueError: ***") == 2


@pytest.mark.parametrize("key", ["token", "Authorization", "set-cookie", "channel_url", "passwords"])
def test_a_value_under_a_secret_key_is_hidden_although_nobody_knew_it(entries, key):
    structlog.get_logger().info("sent", **{key: "unheard"}, headers={key: ["unheard"]})
    (entry,) = entries()
    assert (entry[key], entry["headers"]) == ("***", {key: "***"})


def test_a_key_that_only_resembles_a_secret_one_stays_readable(entries):
    structlog.get_logger().info("seen", cookie_ok=True, tokens_used_count=3)
    (entry,) = entries()
    assert (entry["cookie_ok"], entry["tokens_used_count"]) == (True, 3)


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "apscheduler.executors", "uvicorn.error"])
def test_a_library_is_heard_from_warning_on(entries, name):
    logging.getLogger(name).info("GET https://example.org/?key=%s", SECRET)
    logging.getLogger(name).warning("retrying")
    assert [(entry["logger"], entry["event"], entry["level"]) for entry in entries()] == [(name, "retrying", "warning")]


def test_a_line_that_cannot_be_formatted_prints_its_arguments_nowhere(entries, capfd):
    logging.getLogger("library").warning("%d", SECRET)
    assert "7f3a" not in "".join(capfd.readouterr())
