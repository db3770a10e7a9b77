"""What is right in a configuration, and may still not be what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from daemon.config_targets import Watched, discovered_video
from daemon.providers.endpoint import Endpoint, Platform
from rules.book import OWNER, Rule
from rules.routes import Route
from rules.selectors import ATTRIBUTES, Case, Selector
from rules.spelling import did_you_mean
from rules.values import Subject, Target

if TYPE_CHECKING:
    from daemon.config import Config


def hints(config: Config, endpoints: Mapping[str, Endpoint]) -> Iterator[str]:
    """A sentence for each of them."""
    handles = [each.handle for each in config.targets if each.handle and not (each.uid or each.sec_uid or each.account)]
    if handles:
        yield f"ids that are looked up once, by handle: {_some(handles)}"
    idle = list(_idle(config, endpoints))
    if idle:
        yield f"settings for what no rule reads and `collect` does not name: {_some(idle)}"
    reach = min((each.lists_videos for each in endpoints.values() if each.lists_videos), default=timedelta.max)
    eager = [each.target.key for each in config.targets if each.discover and each.discover.newer_than > reach]
    if eager:
        yield (
            f"no list goes back further than {reach.days} days, so older videos are watched only if they were found "
            f"before: {_some(eager)}"
        )
    yield from _ownerless(config)
    yield from _about_nobody(config.book.rules, config.targets)
    yield from _about_nothing(config)
    yield from _behind_others(config.telling.routes.routes)


def _ownerless(config: Config) -> Iterator[str]:
    unknown = {each.target.owner for each in config.targets if each.target.owner} - config.owners.keys()
    named = [each.to for each in config.book.rules]
    named += [names for route in config.telling.routes.routes for names in (route.to, route.escalate_to)]
    if unknown and any(OWNER in names for names in named):
        others = "all but clients are" if config.telling.routes.clients else "all are"
        yield f"the owner is to be told, but `owners` has no channels, so {others} told, of: {_some(sorted(unknown))}"


def _idle(config: Config, endpoints: Mapping[str, Endpoint]) -> Iterator[str]:
    read = config.book.needs().keys() | config.collect
    for name in config.overrides:
        yields = {name, *(metric.name for metric in endpoints[name].metrics)}
        if not endpoints[name].lists_videos and not endpoints[name].tells_ids and not yields & read:
            yield name


def _about_nobody(rules: Iterable[Rule], watched: Sequence[Watched]) -> Iterator[str]:
    """The rules whose ``only`` leaves out all those that there are of its kind."""
    for rule in rules:
        targets = _targets(rule.subject, watched) if rule.only else []
        if rule.only and targets and not any(rule.only.matches(each) or _may_be(rule.only, each) for each in targets):
            near = next(filter(None, (_near(*each, targets) for each in rule.only.compared)), "")
            yield f"no {rule.subject} is meant by `only` of the rule {rule.name}{near}"


def _about_nothing(config: Config) -> Iterator[str]:
    """The words by which routes and maintenance ask for what is not there: a rule, a level, an account ..."""
    routes = [(f"the route {each.name}", each.match) for each in config.telling.routes.routes]
    for where, match in (*routes, *((f"maintenance ({each.name})", each.match) for each in config.telling.maintenance)):
        for said in [] if match is None else strange(match, config):
            yield f"{where} asks for {said}"


def strange(match: Selector[Case], config: Config) -> Iterator[str]:
    """What a condition on alerts compares them with that none of a configuration can have, and what was meant."""
    targets, rules = [each.target for each in config.targets], config.book.rules
    known = {name: {each for one in targets for each in ATTRIBUTES[name](one)} for name in ("account", "owner", "tag")}
    known |= {"rule": {each.name for each in rules}, "level": {each.name for rule in rules for each in rule.levels}}
    known |= {"owner": known["owner"] | config.owners.keys(), "platform": set(Platform)}
    for name, text in dict.fromkeys(match.compared):
        if name in known and text and text not in known[name]:
            yield f"the {name} `{text}`, which there is not{did_you_mean(text, known[name])}"


def _behind_others(routes: Sequence[Route]) -> Iterator[str]:
    """The routes that none is left for, because one before takes all."""
    taker = next((each for each in routes if each.match is None and each.times is None and not each.goes_on), None)
    left = [] if taker is None else [each.name for each in routes[routes.index(taker) + 1 :] if not each.is_operators]
    if taker is not None and left:
        yield f"the route {taker.name} takes all that comes to it, so nothing is left for: {_some(left)}"


def _may_be(only: Selector[Target], target: Target) -> bool:
    """Whether nobody knows: a video that is yet to be found has no name."""
    return not target.name and any(attribute == "name" for attribute, _ in only.compared)


def _targets(subject: Subject, watched: Sequence[Watched]) -> list[Target]:
    """What ``only`` can choose from; a video that is yet to be found stands for all of its account."""
    accounts = [each for each in watched if each.target.subject is Subject.ACCOUNT]
    match subject:
        case Subject.ACCOUNT:
            return [each.target for each in accounts]
        case Subject.COOKIE:
            return [each.target for each in accounts if each.cookie]
        case Subject.VIDEO:
            found = [discovered_video(each, "", "") for each in accounts if each.discover]
            return [each.target for each in (*watched, *found) if each.target.subject is Subject.VIDEO]
    return []


def _near(attribute: str, text: str, targets: Iterable[Target]) -> str:
    """What was probably meant by a text that nobody has."""
    known = {each for target in targets for each in ATTRIBUTES[attribute](target)}
    return "" if text in known else did_you_mean(text, known)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
