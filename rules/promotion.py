"""Many videos of an account that have the same alert become one alert of the account.

The daemon counts them (``counts``); a rule on these counts is made for each rule that promotes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from math import ceil

from rules.book import Rule
from rules.grammar import Series
from rules.models import LevelModel, PromoteModel, RuleModel
from rules.trees import behind
from rules.values import Subject

FIRING, LEVEL, WATCHED = "videos_firing", "videos_level", "videos_watched"
"""Metrics of accounts, by the label ``rule``: videos with an alert of it, the highest of its levels that enough of them
have, and videos that it judges."""

RULE = "rule"
"""The label."""

COUNTS = frozenset({FIRING, LEVEL, WATCHED})


def counts(levels: Collection[int], rule: Rule) -> Mapping[str, int]:
    """What is said of an account with videos at these ``levels`` of a rule that promotes (0: no alert)."""
    promote, level = rule.promote, 0
    if promote is not None:
        enough = max(promote.at_least, ceil(_exactly(promote.share) * len(levels)))
        level = sorted(levels, reverse=True)[enough - 1] if enough <= len(levels) else 0
    return {FIRING: sum(each > 0 for each in levels), LEVEL: level, WATCHED: len(levels)}


def with_promoted(models: Iterable[RuleModel]) -> Iterator[tuple[int, RuleModel]]:
    """The rules with their places; one that promotes is followed, at the same place, by the one it makes."""
    for index, model in enumerate(models):
        yield index, model
        if model.promote is not None and model.on is Subject.VIDEO:
            yield index, _promoted(model, model.promote)


def promoted_name(rule: str) -> str:
    """The name of the rule that is made for one that promotes."""
    return f"{rule[:50]}-of-account"


def is_counted(name: str, rule: Rule) -> bool:
    """Whether a rule reads how many videos have an alert of the one called ``name``."""
    conditions = [level.when for level in rule.levels]
    conditions += [each for each in (rule.clear, *(level.clear for level in rule.levels)) if each is not None]
    read = [behind(part.tree) for each in conditions for part in each.parts]
    return any(isinstance(each, Series) and each.metric in COUNTS and _takes(each, name) for each in read)


def _takes(series: Series, name: str) -> bool:
    return all((each.value == name) == each.equal for each in series.selectors if each.label == RULE)


def _promoted(model: RuleModel, promote: PromoteModel) -> RuleModel:
    """The rule on the counts. Only videos that are meant are counted, so it is on every account: ``only`` is theirs."""
    firing, level, watched = (f'{metric}{{rule="{model.name}"}}' for metric in (FIRING, LEVEL, WATCHED))
    share = _exactly(promote.share)
    when = f"{firing} >= {promote.at_least} and {share.denominator} * {firing} >= {share.numerator} * {watched}"
    effect = f"so many of its videos have an alert of {model.name} that they are told as one"
    ladder: dict[str, str | LevelModel] = {
        name: LevelModel(
            when=f"{when} and {level} >= {number}",
            severity=None if isinstance(own, str) else own.severity,
            effect=effect,
        )
        for number, (name, own) in enumerate((model.levels or {}).items(), 1)
    }
    return RuleModel(
        name=promoted_name(model.name),
        on=Subject.ACCOUNT,
        when=None if ladder else when,
        levels=ladder or None,
        severity=model.severity,
        effect="" if ladder else effect,
        summary=f"{{{FIRING}}} of {{{WATCHED}}} videos of {{name}}: {model.name}",
        on_first_sight=model.on_first_sight,
        flapping=model.flapping,
        inhibits=[model.name],
        to=model.to,
        shadow=model.shadow,
    )


def _exactly(share: float) -> Fraction:
    """A share in whole numbers: 7 of 100 are 7 %, which no float is."""
    return Fraction(share).limit_denominator(1_000_000)
