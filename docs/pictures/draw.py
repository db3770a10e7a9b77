"""Draws coloured terminal output (standard input) as an SVG (standard output): how run.svg was made.

Usage: script -qec "timeout -s INT 40 creatorwatch run rules.example.yaml" /dev/null |
       grep --invert-match "^      " | head -34 | python docs/pictures/draw.py > docs/pictures/run.svg

The pattern leaves out what the records say.
"""  # noqa: INP001 - a script beside the picture it draws, not a package

from __future__ import annotations

import io
import re
import sys

from rich.console import Console
from rich.text import Text

COLUMNS = 112


def draw(output: str, title: str) -> str:
    """The picture of ``output``; lines that are too long end in an ellipsis."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    for line in output.replace("\r", "").splitlines():
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis", highlight=False)
    svg = console.export_svg(title=title, unique_id="run")
    return re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL)  # no font is fetched from elsewhere


if __name__ == "__main__":
    sys.stdout.write(draw(sys.stdin.read(), "creatorwatch run rules.example.yaml"))
