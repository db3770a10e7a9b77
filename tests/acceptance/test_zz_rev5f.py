"""Whatever happens to alerts and to what is said of them: whoever was told that one is on is told that it is over."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace

import pytest

from tests.acceptance.blind import HOURS, MINUTES
from tests.acceptance.house import LADDER, SIX, THREE, house
from tests.acceptance.test_living import NONE, rewrite, state
from tests.acceptance.test_reloading import at_work
from tests.acceptance.test_saying import lin, say, silence

NAMES = ("mei", "leo", "ana")
TIMES = 'times: {nights: {from: "22:00", to: "08:00"}, noon: {from: "11:00", to: "14:00"}}'
PLAIN = "routes: [{to: [owner]}]"
WAYS = [
    PLAIN,
    "routes: [{to: [boss]}]",
    "routes: [{to: [owner], quiet: nights}]",
    "routes: [{to: [owner], quiet: {times: nights, passes: critical}}, {to: [boss]}]",
    'routes: [{to: [owner, boss], digest: "0 */6 * * *"}]',
    "routes: [{to: [owner], group_by: [owner], group_wait: 10m, remind: [1h, 3h]}]",
    "routes: [{to: [owner], escalate_after: 2h, escalate_to: [boss], remind: [1h]}]",
    "routes: [{match: 'tag == \"tier-a\"', to: [duty], continue: true}, {to: [owner]}]",
    "routes: [{times: noon, to: [duty]}, {match: 'severity == \"critical\"', to: [boss]}]\noperators: [operators]",
    f"{PLAIN}\nmaintenance: [{{times: noon}}, {{match: 'account == \"leo\"', times: nights}}]",
    f"{PLAIN}\ndelegations: [{{owner: lin, to: wu, from: 2026-03-03, until: 2026-03-04}}]",
]
RULES = [
    LADDER,
    LADDER.replace("on: account", "on: account\n    only: 'name != \"Mei\"'"),
    LADDER.replace("on: account", "on: account\n    to: [wu, duty]"),
    LADDER.replace("on: account", "on: account\n    shadow: true"),
    LADDER.replace("on: account", "on: account\n    passes_quiet: critical"),
]
OVER = {"Came and went", "Over"}
ON = {"Still on", "Climbed", "Better", "Comes and goes", "Back where it was"}


SILENCED = ['owner == "lin"', 'severity <= "warning"', 'account == "leo"']


@dataclass
class Reader:
    """Somebody who reads all that a channel gets, and believes it.

    It is a surprise to read the end of what one never heard of, but for what came and went while the channel was away.
    """

    read: int = 0
    on: set[str] = field(default_factory=set)
    surprises: list[str] = field(default_factory=list)

    def catch_up(self, inbox) -> None:
        for message in inbox.got[self.read :]:
            for is_on, name in said(message):
                text = message["title"] + message["message"]
                if not is_on and name not in self.on and not re.search("Came and went|delayed|could not", text):
                    self.surprises.append(f"{name} is over: {message['title']}")
                (self.on.add if is_on else self.on.discard)(name)
        self.read = len(inbox.got)


def said(message):
    """What a message says of whom: (whether it is on, name)."""
    title = message["title"]
    found = re.fullmatch(r"(.) (?:Came and went: )?[A-Z]+: (Mei|Leo|Ana)( .*)?", title)
    if found:
        yield found[1] != "✔", found[2]
        return
    fate = ""
    for line in message["message"].splitlines():
        entry = re.match(r"  [A-Z]+: (Mei|Leo|Ana)\b", line)
        if entry:
            assert fate in ON | OVER, message
            yield fate in ON, entry[1]
        elif line:
            fate = line


def happen(chance, story, inboxes):
    """Something that people, accounts or services do."""
    what = chance.choice(["points"] * 4 + ["silence", "end", "know", "away", "away", "back"])
    if what == "points":
        state(story, chance.choice((NONE, THREE, SIX)), *chance.sample(NAMES, chance.randint(1, 3)))
    elif what == "silence":
        silence(story, chance.randint(1, 9), chance.choice(SILENCED))
    elif what == "end":
        for each in say(story, lambda spoken: spoken.silences(story.clock.now())):
            say(story, lambda spoken, each=each: spoken.end_silence(each.id, lin(story)))
    elif what == "know":
        for row in story.alerts():
            say(story, lambda spoken, row=row: spoken.acknowledge(row.id, lin(story)))
    else:
        chance.choice(list(inboxes.values())).status = 503 if what == "away" else 200


def replaced(daemon, old, new):
    """What the file says by now."""
    daemon.edit(old, new)
    return new


@pytest.mark.parametrize("seed", [30, 33])
async def test_whatever_happens_whoever_was_told_that_an_alert_is_on_is_told_that_it_is_over(
    tell, inboxes, operators, managers, seed
):
    chance = random.Random(seed)
    story = await house(tell, inboxes, f"{TIMES}\n{PLAIN}\nguard: false")
    for name, other in (("lin", "boss"), ("wu", "boss"), ("boss", "duty")):
        line = f'  {name}: {{url: "{inboxes[name].url}"}}'
        rewrite(story, line, line[:-1] + f", fallback: {other}, rate: {chance.choice(['2/h', '20/h'])}}}")
    everybody = {**inboxes, "operators": operators, "managers": managers}
    readers = {name: Reader() for name in everybody}
    way, rule = PLAIN, LADDER
    for _ in range(6):
        async with at_work(story) as daemon:
            for _ in range(5):
                happen(chance, story, inboxes)
                await story.live(chance.randint(1, 12) * 60 * MINUTES, 20 * MINUTES)
                for name, reader in readers.items():
                    reader.catch_up(everybody[name])
            way = replaced(daemon, way, chance.choice([*WAYS, way]))
            rule = replaced(daemon, rule, chance.choice([*RULES, rule]))
            await daemon.look(chance.choice((0, 2)))
        story.config = replace(daemon.read(), overrides=story.config.overrides)
        story.clock.advance(chance.randint(0, 5) * HOURS)
    for inbox in inboxes.values():
        inbox.status = 200
    state(story, NONE, *NAMES)
    async with story.daemon():
        await story.live(40 * HOURS, 30 * MINUTES)
    for name, reader in readers.items():
        reader.catch_up(everybody[name])
    import sqlite3
    db = sqlite3.connect(story.config.database)
    for row in db.execute("select o.id, o.alert_id, a.rule, t.name, o.channel, o.level, o.news, o.title, datetime(o.created_ms/1000,'unixepoch'), datetime(o.due_ms/1000,'unixepoch'), o.status, o.attempts, o.bundle, json_extract(o.story,'$.told') from outbox o join alert a on a.id=o.alert_id join target t on t.id=a.target_id order by o.id"):
        print("ROW", row)
    for name, inbox in everybody.items():
        for each in inbox.got:
            print("GOT", name, each["title"], "|", each["message"].splitlines()[-1], "|", [l for l in each["message"].splitlines() if l.startswith("  ")])
    assert sum(reader.read for reader in readers.values()) > 10
    assert story.alerts() == []
    assert {name: reader.surprises for name, reader in readers.items() if reader.surprises} == {}
    assert {name: reader.on for name, reader in readers.items() if reader.on} == {}
