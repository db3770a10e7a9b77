"""The command line. Exit codes: 0 all is well; 1 it could not run; 2 the configuration or the command is wrong.

Nothing else of ours is imported before ``main`` has made sure that it is ours; each command imports what it needs.
"""

from __future__ import annotations

from importlib import util
from pathlib import Path

import typer

from daemon.commands import asking, delivering, looking, previewing, proving, reloading, silencing, spending, watching
from daemon.commands.exits import CANNOT_RUN, complain

app = typer.Typer(
    name="creatorwatch",
    help="Watches TikTok and Douyin creators, judges what it sees by YAML rules, and tells the right person.",
    epilog="Exit codes: 0 all is well, 1 it could not run, 2 the configuration or the command is wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for _command in (
    watching.run,
    watching.check,
    reloading.reload,
    watching.schema,
    proving.test,
    proving.backtest,
    proving.route_test,
    asking.endpoints,
    asking.fetch,
    spending.plan,
    spending.spending,
    watching.simulate,
    looking.status,
    looking.alerts,
    looking.explain,
    previewing.preview,
    delivering.deliveries,
    delivering.notify_test,
    silencing.silence,
    silencing.silences,
    silencing.ack,
    silencing.audit,
    looking.trust,
):
    app.command()(_command)


def main() -> None:
    """Run the command line; never with modules that only share the names of ours."""
    _refuse_strangers()
    app()


def _refuse_strangers() -> None:
    """Three of our packages have names that others on PyPI have too: whoever was installed last would be imported."""
    home = Path(__file__).resolve().parent.parent
    for name in ("daemon", "rules", "storage"):
        spec = util.find_spec(name)
        place = Path(spec.origin).resolve() if spec and spec.origin else None
        if place is None or place.parent.parent != home:
            complain(f"`{name}` is another project's package here: install creatorwatch in an environment of its own")
            raise SystemExit(CANNOT_RUN)
