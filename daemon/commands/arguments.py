"""What commands are given: the arguments that several of them take, and choices out of what is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help="The configuration.", envvar="CREATORWATCH_RULES")]
FileOption = Annotated[Path, typer.Option("--file", help="The configuration.", envvar="CREATORWATCH_RULES")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DEFAULT_FILE = Path("rules.yaml")


def assignments(given: Sequence[str] | None, option: str, known: Collection[str] | None = None) -> dict[str, str]:
    """The pairs A=B of a repeatable option; without ``known`` any B will do that is not empty."""
    pairs = [text.rpartition("=") for text in given or ()]
    for identity, _, name in pairs:
        if known is not None:
            choose(name, known, option)
        if not identity or not name:
            raise typer.BadParameter("expected two names with = between them", param_hint=option)
    return {identity: name for identity, _, name in pairs}


def choose(name: str, known: Collection[str], place: str) -> None:
    """Leave with exit code 2 unless ``name`` is known."""
    from rules.spelling import did_you_mean

    if name not in known:
        near = did_you_mean(name, frozenset(known)) or f"; known are {', '.join(sorted(known)) or 'none'}"
        raise typer.BadParameter(f"unknown name `{name}`{near}", param_hint=place)


def moment(text: str, at: datetime, place: str) -> datetime:
    """The time that ``text`` names: how long before ``at``, or in ISO 8601 (UTC, unless it says otherwise).

    Leaves with exit code 2 if it names none, or one that is yet to come.
    """
    from rules.durations import parse_duration

    ago = parse_duration(text.removesuffix("ago").strip())
    found = _named(text, UTC) if ago is None else at - ago
    if found is None:
        raise typer.BadParameter("expected 30d, 2h or a time such as 2026-11-01T08:00", param_hint=place)
    if found > at:
        raise typer.BadParameter(f"{text} is yet to come", param_hint=place)
    return found


def instant(text: str, zone: tzinfo, place: str) -> datetime:
    """The time in ISO 8601 that ``text`` names, on the clock of ``zone`` unless it says otherwise, in UTC.

    Leaves with exit code 2 if it names none of this century or the next.
    """
    found = _named(text, zone)
    if found is None or not 2000 <= found.year < 2200:
        raise typer.BadParameter("expected a time such as 2026-11-01T08:00", param_hint=place)
    return found


def _named(text: str, zone: tzinfo) -> datetime | None:
    try:
        named = datetime.fromisoformat(text)
        return (named if named.tzinfo else named.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
