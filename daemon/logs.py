"""Logging: colours for a person, one JSON object a line for a machine, and no secret in either.

What libraries log through the standard library passes the same redaction.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import EventDict, Processor, WrappedLogger

from daemon.clock import SystemClock

HIDDEN = "***"

_SECRET_KEY = re.compile(r"(.*[_-])?(token|cookie|authorization|password|url)s?", re.IGNORECASE)
_TALKATIVE = ("httpx", "httpcore", "apscheduler", "uvicorn")  # at INFO they print whole URLs, or every tick


def configure(level: str, tty: bool, redact: Callable[[str], str], stream: TextIO) -> None:
    """Send every log line to ``stream``, from ``level`` ("DEBUG" ... "CRITICAL") up.

    ``redact`` replaces the known secrets in a text. A value whose key ends in token, cookie, authorization, password or
    url is hidden whole, so an address that may be seen needs another key. Tracebacks are redacted too.
    """
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_prepare(), ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ProcessorFormatter(processors=_finish(tty, redact), foreign_pre_chain=_prepare()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.raiseExceptions = False  # the report of a line that cannot be formatted prints its arguments as they are


def report(task: asyncio.Task[Any]) -> None:
    """Log the exception that ended a task: it is a bug, and nobody else is waiting to hear of it."""
    if not task.cancelled() and task.exception() is not None:
        structlog.get_logger("creatorwatch").error("a task broke", task=task.get_name(), exc_info=task.exception())


def _prepare() -> list[Processor]:
    return [structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level, _stamp]


def _finish(tty: bool, redact: Callable[[str], str]) -> list[Processor]:
    return [
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        Redaction(redact),
        _console() if tty else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)


def _stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = SystemClock().now().isoformat(timespec="milliseconds")
    return event


class Redaction:
    """The last step before a line is written: goes through the whole event and hides what is secret.

    It comes before the rendering, because a quote in a secret is written differently in JSON.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The event without secrets; its values are then texts, numbers, None, lists and dicts of these."""
        return self._table(event)

    def _table(self, table: Mapping[str, object]) -> dict[str, object]:
        return {self._redact(str(key)): self._value(str(key), value) for key, value in table.items()}

    def _value(self, key: str, value: object) -> object:
        if _SECRET_KEY.fullmatch(key):
            return HIDDEN
        if isinstance(value, Mapping):
            return self._table(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value("", item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._redact(str(value))
