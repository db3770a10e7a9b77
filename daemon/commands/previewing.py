"""Preview: what would be sent, before it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File, choose
from daemon.commands.exits import CANNOT_RUN, able, complain, configured, reading

if TYPE_CHECKING:
    from daemon.channels import Channel
    from daemon.config import Config
    from daemon.explain import Known
    from daemon.rehearsal import Rehearsal
    from daemon.scribe import Scribe
    from rules.book import Rule
    from rules.values import Target
    from rules.wording import Speech
    from storage.store import Store


def preview(  # noqa: PLR0913, PLR0917 - each is an argument or option of the command
    rule: Annotated[str, typer.Argument(help="Its name.")],
    target: Annotated[str, typer.Argument(help="Its key, id or name.")],
    file: File = DEFAULT_FILE,
    channel: Annotated[str, typer.Option(help="As this channel gets it. Default: all that would hear.")] = "",
    level: Annotated[str, typer.Option(help="At this level. Default: where it stands.")] = "",
    language: Annotated[str, typer.Option(help="en or zh. Default: that of the channel.")] = "",
    markup: Annotated[str, typer.Option("--format", help="text, markdown or html. Default: that of the channel.")] = "",
    picture: Annotated[Path | None, typer.Option("--chart", help="Write the chart to this PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be sent now of RULE on TARGET if it fired, or of its alert if there is one, and who would hear.

    Nothing is asked, sent or stored.
    """
    from daemon import rehearsal, show, show_preview

    config = configured(file)
    choose(rule, {each.name for each in config.book.rules}, "RULE")
    scribe = _scribe(config, channel, language, markup)
    with reading(config, sketch=True) as store:
        meant, chosen, known = _chosen(config, store, rule, target)
        number = _level(chosen, level)
        found = rehearsal.rehearse(chosen, meant, known, store, number)
        names = [channel] if channel else [each.channel for each in found.audience.hearers]
        with able():
            messages = [rehearsal.shown(found, each, scribe, known) for each in _opened(config, names)]
        if as_json:
            show.as_json(show_preview.facts(found, messages, scribe))
        else:
            show_preview.preview(found, messages, config.zone)
        if picture is not None:
            _draw(found, known, store, scribe.speech(next(iter(names), "")), picture)


def _scribe(config: Config, channel: str, language: str, markup: str) -> Scribe:
    """Who writes as the channels are spoken to, or as was asked for."""
    from dataclasses import replace

    from daemon.scribe import Scribe
    from rules.wording import Markup
    from rules.words import Language

    if channel:
        choose(channel, config.channels.keys(), "--channel")
    voices = dict(config.voices)
    if language:
        choose(language, list(Language), "--language")
        voices = {name: replace(voice, language=Language(language)) for name, voice in voices.items()}
    if markup:
        choose(markup, list(Markup), "--format")
        voices = {name: replace(voice, markup=Markup(markup)) for name, voice in voices.items()}
    return Scribe(voices, config.letterheads)


def _chosen(config: Config, store: Store, rule: str, target: str) -> tuple[Target, Rule, Known]:
    """The target, the rule with its numbers, and what is known; leaves where the rule does not look at it."""
    from daemon import explain
    from daemon.clock import SystemClock
    from rules.spelling import did_you_mean

    now = SystemClock().now()
    names = explain.names(config, store, now)
    if target not in names:
        near = did_you_mean(target, names)
        raise typer.BadParameter(f"nothing that is watched is called `{target}`{near}", param_hint="TARGET")
    meant, known = names[target], explain.known_now(config, store, now)
    judging = {each.name: each for each in known.docket.rules(meant.key)}
    if rule not in judging:
        idle = [each.idle for each in explain.explained(meant, config, known, store, rule)]
        complain(f"{rule} {idle[0]}" if meant.key in known.docket.targets else f"{meant.key} is not watched now")
        raise typer.Exit(CANNOT_RUN)
    return known.docket.targets[meant.key], judging[rule], known


def _level(rule: Rule, name: str) -> int:
    """The number of a level; 0 if none is named."""
    names = [each.name for each in rule.levels]
    if not name:
        return 0
    choose(name, names, "--level")
    return names.index(name) + 1


def _opened(config: Config, names: list[str]) -> list[Channel]:
    from daemon.channels import open_channel
    from daemon.envfile import environment
    from daemon.secrets import Unresolved, resolve

    env, opened = environment(os.environ, config.base, config.env_file), []
    for name in names:
        url = resolve(config.channels[name], env, config.base)
        if isinstance(url, Unresolved):
            raise OSError(f"channel {name}: {url.text}")
        opened.append(open_channel(name, url.reveal()))
    return opened


def _draw(found: Rehearsal, known: Known, store: Store, speech: Speech, path: Path) -> None:
    """Write the chart as a channel would show it; leaves with exit code 1 where there is none."""
    import asyncio

    from daemon.chart import chart
    from daemon.easel import drawn_once
    from daemon.illustrator import history

    past = history(found.story, known.docket, known.recent, store)
    made = None if past is None else chart(found.story, past, speech)
    png = None if made is None else asyncio.run(drawn_once(made))
    if png is None:
        complain("there is no chart of it: a number that was seen twice is needed, of an endpoint that is asked")
        raise typer.Exit(CANNOT_RUN)
    with able():
        path.write_bytes(png)
