"""An alert that there may be, as people describe it in a line: ``rule=fake-views severity=high account=mei``."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from daemon.config import Config
from daemon.config_terms import staff
from daemon.providers import METRICS
from daemon.providers.endpoint import Platform
from daemon.watchlist import DAEMON, Watchlist, cookie_key
from rules.book import Rule, retired
from rules.selectors import Case, id_of
from rules.spelling import did_you_mean
from rules.values import Severity, Subject, Target

KEYS = ("rule", "severity", "level", "on", "id", "account", "name", "owner", "platform", "tag")
LABELS = frozenset(label for metric in METRICS.values() for label in metric.labels) - set(KEYS)

_EVER = datetime(2026, 1, 1, tzinfo=UTC)
"""When it is asked who is watched: of those that the file names the time is no matter."""


class Described(NamedTuple):
    """An alert: its rule (one that says nothing of whom it tells, if none is named), and what routes see of it."""

    rule: Rule
    case: Case


class MisdescribedError(ValueError):
    """What is wrong with a description, in a sentence."""


def described(text: str, config: Config) -> Described:
    """The alert that ``text`` describes; what it names by its account or id has owner, tags and platform from the file.

    What is left out is as it mostly is: the rule's lowest level, on an account. Raises MisdescribedError.
    """
    said = _said(text)
    rule = _rule(said, config)
    subject = _subject(said, rule)
    target = _target(said, subject, config)
    for chosen in (each for each in config.book.rules_for(target) if each.name == rule.name):
        rule = chosen  # with the numbers of this target
    level, severity = _level(said, rule)
    labels = sorted((key, values[0]) for key, values in said.items() if key in LABELS)
    name = rule.name if "rule" in said else ""
    return Described(rule, Case(name, severity, level, tuple(labels), target))


def _said(text: str) -> Mapping[str, list[str]]:
    try:
        words = shlex.split(text)
    except ValueError:
        raise MisdescribedError("a quotation mark is not closed") from None
    said: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise MisdescribedError(f"expected words such as severity=high, not `{word}`")
        _check("word", key, {*KEYS, *LABELS})
        if key in said and key != "tag":
            raise MisdescribedError(f"`{key}` is said twice")
        said.setdefault(key, []).append(value)
    return said


def _one(said: Mapping[str, list[str]], key: str, known: Collection[str] | None = None) -> str:
    """What is said of a key, "" if nothing is; it must be ``known``."""
    value = said[key][0] if key in said else ""
    if value and known is not None:
        _check(key, value, known)
    return value


def _check(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        shown = ", ".join(sorted(known)[:10])
        near = did_you_mean(name, frozenset(known)) or (f"; known are {shown}" if known else "")
        raise MisdescribedError(f"unknown {what} `{name}`{near}")


# --- the rule ---------------------------------------------------------------------------------------------------------


def _rule(said: Mapping[str, list[str]], config: Config) -> Rule:
    name = _one(said, "rule", {rule.name for rule in config.book.rules})
    unnamed = replace(retired("", Subject.ACCOUNT, 1), to=tuple(config.channels), routed=True)
    return next((rule for rule in config.book.rules if rule.name == name), unnamed)


def _subject(said: Mapping[str, list[str]], rule: Rule) -> Subject:
    subject = _one(said, "on", list(Subject)) or rule.subject.value
    if "rule" in said and subject != rule.subject:
        raise MisdescribedError(f"{rule.name} is on={rule.subject}, not on={subject}")
    return Subject(subject)


def _level(said: Mapping[str, list[str]], rule: Rule) -> tuple[str, Severity]:
    """The level and how grave it is: the lowest that fits."""
    severity = _one(said, "severity", list(Severity))
    if "rule" not in said:
        return _one(said, "level"), Severity(severity or Severity.WARNING)
    name = _one(said, "level", [level.name for level in rule.levels])
    fitting = [each for each in rule.levels if name in ("", each.name) and severity in ("", each.severity)]
    if not fitting:
        levels = ", ".join(f"{level.name} is {level.severity}" for level in rule.levels)
        raise MisdescribedError(f"{rule.name} has no such level: {levels}")
    return fitting[0].name, fitting[0].severity


# --- what it is on ----------------------------------------------------------------------------------------------------


def _target(said: Mapping[str, list[str]], subject: Subject, config: Config) -> Target:
    watchlist = Watchlist(config, config.providers)
    watchlist.renew({}, (), _EVER)
    targets, wanted = watchlist.targets().values(), _one(said, "id")
    named = next((each for each in targets if each.subject is subject and id_of(each.key) == wanted), None)
    account = _account(said, [each for each in targets if each.subject is Subject.ACCOUNT])
    base = named or account or Target("", subject, "", _one(said, "platform", list(Platform)))
    owner, tags = _one(said, "owner") or base.owner, tuple(said.get("tag", base.tags))
    return replace(
        base,
        key=named.key if named else _key(base, subject, wanted),
        subject=subject,
        name=_one(said, "name") or base.name,
        owner=owner,
        tags=tags,
        channels=config.owners.get(owner, staff(config.channels, config.telling.routes.clients)),
    )


def _account(said: Mapping[str, list[str]], accounts: Iterable[Target]) -> Target | None:
    """The account that is named by its id, key or name."""
    platform, wanted = _one(said, "platform", list(Platform)), _one(said, "account")
    named = [(name, each) for each in accounts for name in (id_of(each.key), each.key, each.name)]
    if not wanted:
        return None
    if wanted not in dict(named):
        _check("account", wanted, {id_of(each.key) for _, each in named})
    found = {each.key: each for name, each in named if name == wanted and platform in ("", each.platform)}
    if len(found) != 1:
        where = " and ".join(sorted({each.platform for name, each in named if name == wanted}))
        raise MisdescribedError(f"the account {wanted} is on {where}: say which by platform=")
    return next(iter(found.values()))


def _key(base: Target, subject: Subject, wanted: str) -> str:
    """The key of a target of this kind that the file does not have by that id."""
    match subject:
        case Subject.COOKIE:
            return cookie_key(base.key)
        case Subject.DAEMON:
            return DAEMON
        case Subject.VIDEO:
            return f"{base.platform}/video/{wanted}"
    return base.key or wanted
