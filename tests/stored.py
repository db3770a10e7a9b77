"""A database as a daemon leaves it: what was polled, and when."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

from daemon.backtest import History, Period, run
from daemon.clock import SystemClock
from daemon.config import Config, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.show_backtest import Report
from rules.values import Subject, Target
from storage.records import POLLED, Planned, Polled
from storage.store import Store

NOW = SystemClock().now().replace(minute=30, second=0, microsecond=0)
HOUR = timedelta(hours=1)
HEALTH, VIOLATIONS, TOTALS = "get_account_health_status", "get_account_violation_list", "fetch_video_metrics"
FILE = """\
database: creatorwatch.db
providers: {{ tikhub: {{ token: "${{TIKHUB_TOKEN}}" }} }}
accounts:
  - {{ platform: tiktok, id: mei, uid: "1", name: Mei, owner: lin, cookie: "${{A_COOKIE}}", discover: true }}
  - {{ platform: tiktok, id: leo, uid: "2", cookie: "${{A_COOKIE}}" }}
channels: {{ console: {{ url: "console://" }}, managers: {{ url: "console://" }} }}
owners: {{ lin: [managers] }}
rules:
{rules}"""
UNNAMED = "\n".join(line for line in FILE.splitlines() if not line.startswith("providers"))
"""The file of a simulation, which needs no providers."""
POINTS = "  - { name: points, on: account, when: violation_score >= 9, on_first_sight: tell, to: [owner] }\n"
MEI, LEO = (Target(f"tiktok/account/{name}", Subject.ACCOUNT, name, "tiktok") for name in ("mei", "leo"))


def times(report):
    """The target of each incident under the first file, and how many hours ago it began and ended."""
    incidents = report.ran[0].tally.incidents
    return [(own.target, *(each and (NOW - each) / HOUR for each in (own.began, own.ended))) for own in incidents]


class Past:
    """A database that is told what was polled, and when."""

    def __init__(self, path):
        self.path, self.folder = path, path.parent
        self.store = Store.open(path)

    def plan(self, *lines, interval=2 * HOUR):
        self.store.sync_targets([target for target, _ in lines], NOW)
        self.store.plan([Planned(target.key, endpoint, interval, NOW) for target, endpoint in lines], NOW)

    def see(self, target, endpoint, hours, labels=(), **numbers):
        """Numbers so many hours ago."""
        at = NOW - hours * HOUR
        for claim in self.store.claim(endpoint, NOW, NOW + HOUR, "me", 100):
            values = {(metric, labels): number for metric, number in numbers.items()}
            polled = Polled(claim.schedule_id, at, POLLED, NOW, values)
            self.store.commit_polls([polled] if claim.target == target.key else [], "me")
        self.store.take_over(["console", "managers"], NOW)

    def fail(self, target, endpoint, hours, reason):
        """A poll that failed so many hours ago."""
        for claim in self.store.claim(endpoint, NOW, NOW + HOUR, "me", 100):
            polled = Polled(claim.schedule_id, NOW - hours * HOUR, reason, NOW)
            self.store.commit_polls([polled] if claim.target == target.key else [], "me")
        self.store.take_over(["console", "managers"], NOW)

    def points(self, target, *told):
        for hours, number in told:
            self.see(target, HEALTH, hours, violation_score=number)

    def judge(self, hours, *outcomes):
        """What followed of a look so many hours ago; the alerts with their ids."""
        return self.store.commit_judgement(outcomes, NOW - hours * HOUR)

    def config(self, rules=POINTS, name="rules.yaml", text=FILE):
        file = self.folder / name
        file.write_text(text.format(rules=rules))
        found = load(file, {}, METRICS, ENDPOINTS)
        assert isinstance(found, Config), found
        return file, found

    def backtest(self, *configs, days=30, processes=1):
        files, found = zip(*configs, strict=True)
        with closing(Store.open(self.path, readonly=True)) as store:
            history = History(found, store, Period(NOW - timedelta(days=days), NOW))
            return Report.of(files, found, history, list(run(history, files, self.path, processes)))
