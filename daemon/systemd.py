"""Tells systemd how the service is doing (the sd_notify protocol). Outside systemd all of it does nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_USEC_PER_S = 1_000_000


def notify(state: str, env: Mapping[str, str] = os.environ) -> bool:
    """Send ``state`` to the socket that systemd named. False when there is none or it does not take the message.

    Never blocks and never raises ``OSError``: a service manager that is away must not stop the service.
    """
    address = env.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # an abstract socket: its name starts with a zero byte, which no variable can hold
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(state.encode(), address)
        except OSError:
            return False
    return True


def ready(env: Mapping[str, str] = os.environ) -> bool:
    """Start-up is over."""
    return notify("READY=1", env)


def stopping(env: Mapping[str, str] = os.environ) -> bool:
    """The service has begun to stop."""
    return notify("STOPPING=1", env)


def status(text: str, env: Mapping[str, str] = os.environ) -> bool:
    """Show ``text`` in ``systemctl status``. Line breaks become spaces: a new line would be a new field."""
    return notify("STATUS=" + " ".join(text.splitlines()), env)


def watchdog(env: Mapping[str, str] = os.environ) -> bool:
    """The service is alive. Owed at least every ``watchdog_interval_s``."""
    return notify("WATCHDOG=1", env)


def watchdog_interval_s(env: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two calls of ``watchdog``: half of what systemd tolerates. None when it does not watch us."""
    period_us = env.get("WATCHDOG_USEC", "")
    meant_for = env.get("WATCHDOG_PID", "")
    if not period_us.isdecimal() or int(period_us) == 0 or meant_for not in {"", str(os.getpid())}:
        return None
    return int(period_us) / _USEC_PER_S / 2
