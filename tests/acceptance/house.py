"""A house whose people are told of alerts: who they are, which accounts they look after, and what each has heard."""

from __future__ import annotations

from datetime import timedelta

from tests.acceptance.blind import HEALTH, HOURS, MINUTES
from tests.acceptance.test_living import EVER, NONE, account, every, rewrite, state

THREE, SIX = "appeal-window", "violation-ladder"
"""While no step is over: an account with three violation points, and one with six."""

MEI = account("mei", "107955", ", owner: lin, tags: [tier-a]")
ANA = account("ana", "305", ", owner: lin")
LEO = account("leo", "204", ", owner: wu")

LADDER = """\
  - name: points
    on: account
    summary: "{name}"
    on_first_sight: tell
    levels:
      warned: {when: violation_score >= 3, severity: warning}
      banned: {when: violation_score >= 6, severity: critical}
"""
"""A warning at three points, critical at six."""

ON, WORSE, BETTER, OVER = "▲ WARNING", "▲ CRITICAL", "▼ WARNING", "✔ RESOLVED"


def told_of(mark: str, *names: str) -> list[str]:
    """The beginnings of titles about the ladder."""
    return sorted(f"{mark}: {name}" for name in names)


async def house(tell, inboxes, more: str, rules: str = LADDER, accounts: str = f"{MEI}, {LEO}, {ANA}", at: int = 12):
    """A story that begins at an hour of the day (UTC, a Monday), when nobody has any points; asked every hour.

    ``brand`` is a client.
    """
    story = await tell(accounts, scenarios={"*": NONE}, step=EVER, rules=LADDER)
    channels = "".join(f'  {name}: {{url: "{inbox.url}"}}\n' for name, inbox in inboxes.items())
    channels = channels.replace("  brand: {url", "  brand: {audience: clients, url")
    rewrite(story, "channels:\n", f"channels:\n{channels}")
    rewrite(story, "owners: {lin: [operators], wu: [managers]}", f"owners: {{lin: [lin], wu: [wu]}}\n{more}")
    rewrite(story, LADDER, rules)
    every(story, 1 * HOURS, HEALTH)
    now = story.clock.now()
    story.clock.advance((now.replace(hour=at, minute=0, second=0, microsecond=0) - now) % timedelta(days=1))
    return story


async def passes(story, hours: float, every: timedelta = 5 * MINUTES) -> None:
    """Let hours pass."""
    await story.live(hours * HOURS, every)


async def sees(story, points: str, *names: str, hours: float = 2) -> None:
    """Let accounts have so many points, and let so many hours pass: they are asked about them once an hour."""
    state(story, points, *names)
    await passes(story, hours)


def heads(inbox) -> list[str]:
    """The titles that somebody got, without what they say of delays."""
    return [title.partition(" (")[0] for title in inbox.titles()]


def heard(inboxes) -> dict[str, list[str]]:
    """What each of those who heard something heard."""
    return {name: heads(inbox) for name, inbox in inboxes.items() if inbox.got}
