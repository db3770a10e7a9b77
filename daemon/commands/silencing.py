"""Say something of alerts: that nobody wants to hear of some for a while, or that one is known; and who said what."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File, FileOption, moment
from daemon.commands.exits import CANNOT_RUN, complain, configured, reading, writing

if TYPE_CHECKING:
    from daemon.config import Config
    from rules.selectors import Case
    from rules.values import Alert
    from storage.silences import Ack, Speaker
    from storage.store import Store

By = Annotated[str, typer.Option("--by", help="Who says so. Default: the user of this process.", show_default=False)]
End = Annotated[int | None, typer.Option("--end", metavar="ID", min=1, max=2**63 - 1, help="End this silence instead.")]


def silence(
    match: Annotated[str, typer.Argument(help='Which alerts: \'rule == "fake-views" and account == "mei"\'.')] = "",
    lasting: Annotated[str, typer.Option("--for", help="For how long: 4h, at most 30d.")] = "",
    until: Annotated[str, typer.Option("--until", help="Until when: 2026-11-01T08:00.")] = "",
    until_resolved: Annotated[bool, typer.Option("--until-resolved", help="Until what is on now is over.")] = False,
    why: Annotated[str, typer.Option("--why", help="What for, in a few words.")] = "",
    by: By = "",
    end: End = None,
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Let news of the alerts that MATCH wait, and show which of them are on. When it ends, what is still on is told.

    Whoever was told that an alert is on is told its end all the same.
    """
    config, now = configured(file), _now()
    if end is not None:
        if any((match, lasting, until, until_resolved, why)):
            raise typer.BadParameter("takes nothing else but --by", param_hint="--end")
        _end(config, end, _speaker(by, now))
        return
    ends = _ends(lasting, until, until_resolved, now, config.zone)
    _begin(config, match, ends, _line(why, "--why"), until_resolved, _speaker(by, now))


def _begin(config: Config, match: str, ends: datetime, why: str, until_resolved: bool, speaker: Speaker) -> None:
    from daemon import show, show_silences
    from daemon.config_notes import strange
    from daemon.statements import LANGUAGE
    from rules.selectors import compile_selector
    from storage.silences import Wish

    if not match.isprintable():
        raise typer.BadParameter("expected one line, without control characters", param_hint="MATCH")
    selector = compile_selector(match, LANGUAGE)
    if isinstance(selector, list):
        raise typer.BadParameter(f"column {selector[0].offset + 1}: {selector[0].text}", param_hint="MATCH")
    with reading(config) as store:
        found = [(alert, case) for alert, case in _on(config, store, speaker.at) if selector.matches(case)]
    awaits = frozenset(alert.id for alert, _ in found if alert.id is not None) if until_resolved else frozenset()
    if until_resolved and not awaits:
        _leave("nothing that it matches is on, so there is no end to wait for: --for 4h holds what is to come")
    with writing(config) as store:
        made = store.spoken.silence(Wish(match, ends, why, awaits), speaker)
    show.line(f"silence {made.id}, until {show_silences.until(made.ends, until_resolved)}: {match}")
    show_silences.muted(found)
    for said in strange(selector, config):
        complain(f"it asks for {said}")


def _end(config: Config, silence_id: int, speaker: Speaker) -> None:
    with writing(config) as store:
        if not store.spoken.end_silence(silence_id, speaker):
            _leave(f"no silence {silence_id} is in force; `creatorwatch silences` lists them")
    typer.echo(f"silence {silence_id} is over; what is still on is told within half a minute")


def silences(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """List what is silenced and what is acknowledged, what each silence holds, and which may have been forgotten."""
    from daemon import show, show_silences
    from daemon.statements import silence_of

    config, now = configured(file), _now()
    with reading(config) as store:
        on, acks = _on(config, store, now), store.spoken.acks()
        found = [show_silences.Held.of(silence_of(row), on, now) for row in store.spoken.silences(now)]
    if as_json:
        listed = [show_silences.held_facts(each) for each in found]
        show.as_json({"silences": listed, "acks": [show_silences.ack_facts(ack) for ack in acks]})
    else:
        show_silences.silences(found, [(ack, _about(config, on, ack)) for ack in acks])


def ack(
    alert: Annotated[str, typer.Argument(help="Its id, as messages and `creatorwatch alerts` have it.")],
    by: By = "",
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Say that somebody knows of ALERT: no reminders and no escalation, until it rises or is over."""
    from daemon import show

    named = re.fullmatch(r"(\d{1,18})(?:\.[\d.-]*)?", alert)
    if named is None:
        raise typer.BadParameter("expected an id such as 12, or 12.345 as messages have it", param_hint="ALERT")
    config, alert_id, now = configured(file), int(named[1]), _now()
    with writing(config) as store:
        known, _ = store.spoken.acknowledge(alert_id, _speaker(by, now))
        about = "" if known is None else _about(config, _on(config, store, now), known)
    if known is None:
        _leave(f"no alert {alert_id} is on; `creatorwatch alerts` lists those that are")
    show.line(f"alert {alert_id}, {about}, is known to {known.who}: no reminders, no escalation")


def audit(
    since: Annotated[str, typer.Option(help="How far back: 7d, or 2026-11-01T08:00.")] = "7d",
    file: File = DEFAULT_FILE,
    as_json: AsJson = False,
) -> None:
    """List who silenced, acknowledged or ended what, and how, the newest first."""
    from daemon import show, show_silences

    begin = moment(since, _now(), "--since")
    with reading(configured(file)) as store:
        found = store.spoken.trail(begin)
    if as_json:
        show.as_json([show_silences.trace_facts(each) for each in found])
    else:
        show_silences.trail(found)


def _on(config: Config, store: Store, at: datetime) -> Sequence[tuple[Alert, Case]]:
    """The alerts that are on, as silences see them."""
    from daemon import explain
    from daemon.statements import on_now

    targets = {target.key: target for target in explain.names(config, store, at).values()}
    return list(on_now(store.live_alerts(), targets, config.book.rules))


def _about(config: Config, on: Sequence[tuple[Alert, Case]], ack: Ack) -> str:
    """What somebody knows of, at the level that they know."""
    from daemon import show_silences

    rules = {rule.name: rule for rule in config.book.rules}
    known = (
        show_silences.about(alert, rules[alert.rule].case(case.target, alert.labels, ack.level))
        for alert, case in on
        if alert.id == ack.alert_id
    )
    return next(known, f"level {ack.level}")


def _ends(lasting: str, until: str, until_resolved: bool, now: datetime, zone: tzinfo) -> datetime:
    """When a silence ends at the latest; leaves with exit code 2 where that cannot be."""
    from rules.durations import parse_duration
    from rules.silences import LONGEST

    if sum(map(bool, (lasting, until, until_resolved))) != 1:
        raise typer.BadParameter("say one of --for 4h, --until TIME and --until-resolved", param_hint="--for")
    if until_resolved:
        return now + LONGEST
    place = "--for" if lasting else "--until"
    span = parse_duration(lasting) if lasting else _instant(until, zone) - now
    if span is None:
        raise typer.BadParameter("expected a duration such as 4h or 2d", param_hint=place)
    if not 0 < span.total_seconds() <= LONGEST.total_seconds():
        text = "a silence ends in the future, and after 30 days at the latest: what is never news is a matter of rules"
        raise typer.BadParameter(text, param_hint=place)
    return now + span


def _instant(text: str, zone: tzinfo) -> datetime:
    """The time that a text names, on the clock of ``zone`` unless it says otherwise."""
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("expected a time such as 2026-11-01T08:00", param_hint="--until") from None
    return named if named.tzinfo else named.replace(tzinfo=zone)


def _speaker(by: str, at: datetime) -> Speaker:
    from storage.silences import How, Speaker

    return Speaker(_line(by, "--by") if by else _user(), at, How.CLI)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have no name for its user
        return "somebody"


def _line(text: str, place: str) -> str:
    """A line for people; leaves with exit code 2 if it is none."""
    text = text.strip()
    if not text or not text.isprintable() or len(text) > 200:
        raise typer.BadParameter("expected a few words in one line", param_hint=place)
    return text


def _now() -> datetime:
    from daemon.clock import SystemClock

    return SystemClock().now()


def _leave(text: str) -> NoReturn:
    complain(text)
    raise typer.Exit(CANNOT_RUN)
