"""What another configuration would change, before it is in force: alerts and money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from daemon.config import Access, Config
from daemon.desk import Desk
from daemon.forecast import Forecast
from rules.book import RuleBook
from rules.outcomes import Outcome
from rules.values import Change
from storage.store import Store

_BEGINNINGS = frozenset({Change.A_PENDING, Change.B_FIRED})
_ENDS = frozenset({Change.G_RESOLVED, Change.X_GONE})


@dataclass(frozen=True, slots=True)
class Preview:
    """How many alerts it ``opens`` and ``closes``; what a day costs, and would cost more than now, at list price.

    An alert that must hold for a time counts as opened once its condition is true. Rules in shadow do not count. None:
    that is not known.
    """

    opens: int
    closes: int
    usd: Decimal | None = None
    more_usd: Decimal | None = None

    def __str__(self) -> str:
        return ", ".join(filter(None, (f"opens {self.opens}, closes {self.closes}", self._money())))

    def _money(self) -> str:
        if self.usd is None:
            return ""
        if self.more_usd is None:
            return f"${self.usd:.2f}/day"
        sign = "-" if round(self.more_usd, 2) < 0 else "+"
        return f"{sign}${abs(self.more_usd):.2f}/day (${self.usd:.2f})"


def preview(config: Config, sketch: Store, at: datetime) -> Preview:
    """What follows for the alerts of a daemon if ``config`` is put in force; ``sketch`` is of its database."""
    desk = Desk(config, sketch, config.providers, lambda _: None)
    desk.plan(at)
    sketch.give_up_letters(config.channels.keys())
    desk.remember(at)
    return count(desk.judge.look_at_everything(at), config.book)


def count(outcomes: Iterable[Outcome], book: RuleBook) -> Preview:
    """The alerts that begin and end with these outcomes."""
    shadows = {rule.name for rule in book.rules if rule.shadow}
    opened, closed = set(), set()
    for outcome in outcomes:
        alert, steps = outcome.alert, outcome.transitions
        if alert.rule not in shadows:
            key = (alert.rule, alert.target, alert.labels)
            opened |= {key for step in steps if step.change in _BEGINNINGS}
            closed |= {key for step in steps if step.change in _ENDS and step.from_level}
    return Preview(len(opened), len(closed))


def with_money(preview: Preview, now: Forecast | None, then: Forecast) -> Preview:
    """With what a day would cost ``then``, and how much more than ``now`` that is."""
    usd = _usd(then)
    return replace(preview, usd=usd, more_usd=None if now is None else usd - _usd(now))


def _usd(forecast: Forecast) -> Decimal:
    return sum((load.day.usd for load in forecast.providers.values()), Decimal(0))


def only_by_restart(now: Config, then: Config) -> list[str]:
    """The parts of the file in which ``then`` differs, and which a daemon that runs by ``now`` does not take up."""
    names = ("database", "env_file", "listen")
    changed = [name for name in names if getattr(now, name) != getattr(then, name)]
    return [*changed, *(["providers"] if within_reach(now, then).providers != then.providers else [])]


def within_reach(now: Config, then: Config) -> Config:
    """``then``, as far as a daemon that runs by ``now`` can take it up."""
    providers = {
        name: access if name not in then.providers else _paced(access, then.providers[name])
        for name, access in now.providers.items()
    }
    return replace(then, database=now.database, env_file=now.env_file, listen=now.listen, providers=providers)


def _paced(now: Access, then: Access) -> Access:
    return replace(now, rate_per_s=then.rate_per_s, canary=then.canary)
